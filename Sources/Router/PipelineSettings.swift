/// How a lane behaves; all of it from the configuration, checked there.
package struct PipelineSettings: Sendable {
    package var routes: RouteTable
    package var sinks: Sinks
    package var hasEnvelope: Bool
    package var limits: BatchLimits
    /// SPUBLISH instead of PUBLISH.
    package var sharded: Bool
    /// About how many entries a stream keeps; 0 keeps all.
    package var streamMaximum: Int
    /// Bytes for copies of last values, for a Redis that comes back empty.
    package var lastCacheBytes: Int
    /// After so long without room for a record the partitions are paused: the group must be answered again.
    package var pauseAfter: Duration
    /// How long a partition that the group wants back may still wait for answers; well below the session timeout.
    package var revocationLimit: Duration
    /// After so long without a turn of the loop the group is asked whether the partitions are still ours; half the session
    /// timeout, since the last heartbeat may lie a third of it further back.
    package var standstillLimit: Duration
    /// From the request to stop to the last answer awaited; the commit comes after it.
    package var drainLimit: Duration
    /// Dead letters on their way at the same time, and their bytes; no record is taken above either.
    package var deadLetterLimit: Int
    package var deadLetterByteLimit: Int

    package init(routes: RouteTable) {
        self.routes = routes
        sinks = [.publish, .last]
        hasEnvelope = true
        limits = .standard
        sharded = false
        streamMaximum = 10_000
        lastCacheBytes = 16 << 20
        pauseAfter = .seconds(5)
        revocationLimit = .seconds(3)
        standstillLimit = .seconds(5)
        drainLimit = .milliseconds(3_500)
        deadLetterLimit = 4_096
        deadLetterByteLimit = 64 << 20
    }
}
