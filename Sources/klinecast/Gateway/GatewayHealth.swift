import Assignment
import Gateway
import Telemetry

/// What a gateway's health is, by what happened. Pure.
struct GatewayHealth {
    let status: HealthReport.Status
    let reasons: [String]
    /// Why nothing can be read or changed now.
    let unready: [String]
    /// Why the process should be started anew.
    let stuck: [String]

    /// A Redis that does not answer for so long needs somebody.
    private static let patience = Duration.seconds(60)
    /// Well above what a look may take.
    private static let turnLimit = Duration.seconds(30)

    init(
        _ watch: AssignmentWatch.Snapshot, _ controller: ControllerStatus, isStopping: Bool,
        now: ContinuousClock.Instant
    ) {
        unready =
            if let failure = watch.failure { [failure] } else if watch.stored == nil { ["Redis: not asked yet"] } else {
                []
            }
        stuck = now - watch.lastTurn > Self.turnLimit ? ["the thread watch has not turned for 30 s"] : []
        reasons = unready + stuck + Self.troubles(watch, controller)
        let isHopeless = watch.failingSince.map { now - $0 >= Self.patience } ?? false
        status =
            if isStopping { .stopping } else if isHopeless || !stuck.isEmpty { .unhealthy } else if reasons.isEmpty {
                .healthy
            } else { .degraded }
    }

    /// What does not keep the API from its work.
    private static func troubles(_ watch: AssignmentWatch.Snapshot, _ controller: ControllerStatus) -> [String] {
        guard watch.failure == nil, let stored = watch.stored else { return [] }
        var reasons: [String] = []
        if !watch.hasController { reasons.append("no gateway is in control: none holds the controller's lease") }
        if controller.holdsLease, let error = controller.error { reasons.append("controller: \(error)") }
        let orphans = stored.state.placements.values.count { placement in
            stored.state.workers[placement.worker].map { $0.state == .gone } ?? true
        }
        if orphans > 0 {
            reasons.append(
                "\(Terminal.counted(orphans, "symbol")) served by nobody: the worker is gone or not registered")
        }
        let failed = (watch.progress?.pending ?? []).filter { $0.error != nil }
        if let first = failed.first {
            reasons.append(
                "\(Terminal.counted(failed.count, "step")) failed and will be tried again: \(Delivery.line(first))")
        }
        return reasons
    }
}
