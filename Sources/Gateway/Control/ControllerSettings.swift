package import Assignment
package import Curl

package struct ControllerSettings: Sendable {
    /// What a change of the workers does beside placing what nobody serves.
    package enum AutoRebalance: String, Sendable, CaseIterable {
        case off
        /// Logs what would level the loads.
        case plan
        case live
    }

    /// Who this gateway is in history and logs.
    package var name: String
    /// The controller's lease and the workers'; workers are asked for their state once an interval.
    package var lease: Lease.Terms
    /// `host:port` of workers that are registered under that name where they are not yet.
    package var workers: [String]
    package var autoRebalance: AutoRebalance
    /// From one look at the storage to the next.
    package var storageInterval: Duration = .milliseconds(250)
    package var reconciler: Reconciler.Limits = .standard
    package var calls = CallLimits()

    package init(
        name: String, lease: Lease.Terms = .standard, workers: [String] = [], autoRebalance: AutoRebalance = .off
    ) {
        self.name = name
        self.lease = lease
        self.workers = workers
        self.autoRebalance = autoRebalance
    }
}

extension Lease.Terms {
    /// Renewed each fifth of the duration; the holder stops at seven tenths of it.
    package init(lasting duration: Duration) {
        self.init(duration: duration, margin: duration * 3 / 10, interval: duration / 5)
    }
}
