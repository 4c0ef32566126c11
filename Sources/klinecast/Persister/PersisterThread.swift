import Configuration
import Kafka
import Persister
import Records
import Storage
import Telemetry

/// The persister's two threads, in a process of its own or beside the router's lanes.
final class PersisterThread: Sendable {
    var control: PipelineControl { thread.control }
    let status: PersistStatus
    let store: StoreThread
    /// What people call the database; no password in it.
    let database: String
    private let thread: PipelineThread
    private let deadLetters: DeadLetterWriter
    private let makeStore: @Sendable () -> any Store
    /// Holds the lock on this member's name as long as the persister lives.
    private let identity: InstanceIdentity

    init(_ settings: Settings, journal: ErrorJournal) throws {
        let failpoint = try Failpoints.fromEnvironment()
        var persist = PersistSettings(settings)
        persist.failpoint = failpoint
        deadLetters = DeadLetterWriter(settings: Kafka.KafkaSettings(settings.kafka))
        identity = try InstanceIdentity(folder: settings.process.stateFolder, role: "persister")
        status = PersistStatus(journal: journal)
        let url = settings.database.url
        database = url.description
        let group = "\(settings.kafka.groupIdentifier).persister"
        let statementTimeout = settings.database.statementTimeout
        makeStore = { url.store(group: group, statementTimeout: statementTimeout) }
        store = StoreThread(name: url.description, failpoint: failpoint)
        let consumer = LaneConsumer(
            settings: Kafka.KafkaSettings(settings.kafka), group: group, instance: identity.identifier,
            subscription: persist.subscription, start: .earliest, sessionTimeout: settings.kafka.sessionTimeout)
        thread = PipelineThread("persister") { [persist, store, deadLetters, status] control, begun in
            let source = KafkaSource(try consumer.make())
            var pipeline = PersistPipeline(
                settings: persist, source: source, store: store, deadLetters: deadLetters, control: control,
                status: status)
            begun()
            pipeline.run()
            source.close()
            return status.snapshot.fatal
        }
    }

    /// Returns once both threads run; throws what the consumer refused, a bad property for example.
    ///
    /// - Parameter patiently: a database that only a person can mend is no reason to end: others in this process work.
    func start(patiently: Bool) throws {
        try store.start(patiently: patiently, makeStore)
        try thread.start()
    }

    func waitForEnd() {
        thread.waitForEnd()
        store.stop(within: .seconds(1))
        deadLetters.stop()
    }
}
