import Configuration
import Router

extension PipelineSettings {
    init(_ settings: Settings) throws {
        let router = settings.router
        self.init(routes: try RouteTable(settings))
        sinks = router.sinks.reduce(into: Sinks()) { sinks, sink in
            switch sink {
            case .publish: sinks.insert(.publish)
            case .last: sinks.insert(.last)
            case .stream: sinks.insert(.stream)
            }
        }
        hasEnvelope = router.hasEnvelope
        sharded = settings.redis.isSharded
        streamMaximum = router.streamMaximumLength
        lastCacheBytes = router.lastCacheBytes
        limits = BatchLimits(
            messages: settings.redis.batchMessages, bytes: settings.redis.batchBytes,
            messageBytes: router.messageMaximumBytes, window: settings.redis.windowBatches)
        pauseAfter = settings.kafka.stallPause
        // The commit and the group's own leave come after it, within the same limit.
        drainLimit = settings.process.drainDeadline * 0.7
        standstillLimit = settings.kafka.sessionTimeout * 0.5
        // Answered well before the group would count us as gone.
        revocationLimit = min(.seconds(3), settings.kafka.sessionTimeout * 0.3)
    }
}
