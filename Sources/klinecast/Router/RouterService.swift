import Configuration
import HTTP
import Kafka
import Records
import Redis
import Router
import Telemetry

/// The router's parts, wired: two lanes on threads of their own, the dead letters, and HTTP.
final class RouterService: Sendable {
    private let lanes: [PipelineThread]
    /// `nil` with PERSIST=off.
    private let persister: PersisterThread?
    private let deadLetters: DeadLetterWriter
    private let server: HTTP.Server
    /// Holds the lock on this member's name as long as the router lives.
    private let identity: InstanceIdentity
    let address: String

    /// Starts everything; nothing runs when it throws.
    init(_ settings: Settings) throws {
        identity = try InstanceIdentity(folder: settings.process.stateFolder, role: "router")
        let pipeline = try PipelineSettings(settings)
        let kafka = Kafka.KafkaSettings(settings.kafka)
        deadLetters = DeadLetterWriter(settings: kafka)
        let journal = ErrorJournal()
        let statuses = Lane.allCases.map { LaneStatus(lane: $0, journal: journal) }
        persister =
            settings.router.persists ? try PersisterThread(settings, journal: journal) : nil
        let pages = RouterPages(
            lanes: statuses, persister: persister.map(PersisterReport.init), settings: settings,
            diagnosticPage: DiagnosticPage(journal: journal, settings: settings), started: .now,
            startedAt: Timestamp.seconds())
        let metrics = HTTPMetrics()
        var limits = ServerLimits()
        limits.connections = settings.http.connections
        let listen = settings.router.address
        server = try HTTP.Server(
            host: listen.host, port: listen.port, setting: "ROUTER_ADDR",
            routes: pages.routes(metrics: metrics, version: VersionCommand.version),
            hosts: .standard(listeningOn: listen.host, allowed: settings.http.allowedHosts), metrics: metrics,
            limits: limits)
        address = server.address
        lanes = statuses.map { [deadLetters, identity] status in
            let consumer = LaneConsumer(
                settings: kafka, group: Self.group(settings, status.lane), instance: identity.identifier,
                subscription: pipeline.routes.subscription(status.lane), start: settings.router.start,
                sessionTimeout: settings.kafka.sessionTimeout)
            let redis = Redis.RedisSettings(settings.redis, clientName: "klinecast-\(status.lane.rawValue)")
            return Self.lane(status, pipeline, consumer, redis, deadLetters)
        }
        do {
            for lane in lanes { try lane.start() }
            // Subscribers come first: a database that is of no use is told in /health, and tried again.
            try persister?.start(patiently: true)
        } catch {
            stop(.now)
            server.stop()
            throw error
        }
    }

    private static func lane(
        _ status: LaneStatus, _ settings: PipelineSettings, _ consumer: LaneConsumer, _ redis: Redis.RedisSettings,
        _ deadLetters: DeadLetterWriter
    ) -> PipelineThread {
        PipelineThread("lane-\(status.lane.rawValue)") { control, begun in
            let source = KafkaSource(try consumer.make())
            let sink = RedisSink(redis)
            var pipeline = Pipeline(
                lane: status.lane, settings: settings, source: source, sink: sink, deadLetters: deadLetters,
                control: control, status: status)
            begun()
            pipeline.run()
            sink.close()
            source.close()
            return status.snapshot.fatal
        }
    }

    /// Each lane is a group of its own: a rebalance of the candles never touches the orders.
    static func group(_ settings: Settings, _ lane: Lane) -> String {
        let group = settings.kafka.groupIdentifier
        return lane == .market ? group : "\(group).\(lane.rawValue)"
    }

    func stop(_ stop: PipelineControl.Stop) {
        for lane in lanes { lane.control.stop(stop) }
        persister?.control.stop(stop)
    }

    /// Waits for the lanes' end, which a stop brings, then ends the rest.
    func waitForEnd() {
        for lane in lanes { lane.waitForEnd() }
        persister?.waitForEnd()
        deadLetters.stop()
        server.stop()
    }
}

/// What a lane's consumer is made from, on the lane's own thread.
struct LaneConsumer: Sendable {
    let settings: Kafka.KafkaSettings
    let group: String
    let instance: String
    let subscription: [String]
    let start: StartPosition
    let sessionTimeout: Duration

    func make() throws -> Consumer {
        try Consumer(
            settings: settings, group: group, instanceID: instance, subscription: subscription, start: start,
            sessionTimeout: sessionTimeout)
    }
}
