import CSystemShim
import Configuration
import Foundation
import Kafka
import Persister
import Records
import Storage
import Telemetry

/// The persister's two threads, in a process of its own or beside the router's lanes.
final class PersisterThread: Sendable {
    let control = PipelineControl()
    let status: PersistStatus
    let store: StoreThread
    /// What people call the database; no password in it.
    let database: String
    private let settings: PersistSettings
    private let consumer: LaneConsumer
    private let deadLetters: DeadLetterWriter
    private let makeStore: @Sendable () -> any Store
    /// Holds the lock on this member's name as long as the persister lives.
    private let identity: InstanceIdentity
    private let begun = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let problem = Locked<(any Error)?>(nil)

    init(_ settings: Settings, journal: ErrorJournal) throws {
        let failpoint = try Failpoints.fromEnvironment()
        var persist = PersistSettings(settings)
        persist.failpoint = failpoint
        self.settings = persist
        deadLetters = DeadLetterWriter(settings: Kafka.KafkaSettings(settings.kafka), linger: .milliseconds(100))
        identity = try InstanceIdentity(folder: settings.process.stateFolder, role: "persister")
        status = PersistStatus(journal: journal)
        let url = settings.database.url
        database = url.description
        let group = "\(settings.kafka.groupIdentifier).persister"
        let statementTimeout = settings.database.statementTimeout
        makeStore = { url.store(group: group, statementTimeout: statementTimeout) }
        store = StoreThread(name: url.description, failpoint: failpoint)
        consumer = LaneConsumer(
            settings: Kafka.KafkaSettings(settings.kafka), group: group, instance: identity.identifier,
            subscription: persist.subscription, start: .earliest, sessionTimeout: settings.kafka.sessionTimeout)
    }

    /// Returns once both threads run; throws what the consumer refused, a bad property for example.
    ///
    /// - Parameter patiently: a database that only a person can mend is no reason to end: others in this process work.
    func start(patiently: Bool) throws {
        try store.start(patiently: patiently, makeStore)
        Thread.detachNewThread { [self] in
            unsafe system_shim_thread_name("persister")
            run()
            ended.signal()
        }
        begun.wait()
        if let problem = problem.withLock({ $0 }) { throw problem }
    }

    /// A consumer that failed for good is of no use any more, but the persister is: it begins anew with another one, from
    /// what the database holds.
    private func run() {
        var earlier: PersistSnapshot?
        repeat {
            do {
                let source = KafkaSource(try consumer.make())
                var pipeline = PersistPipeline(
                    settings: settings, source: source, store: store, deadLetters: deadLetters, control: control,
                    status: status, after: earlier)
                if earlier == nil { begun.signal() }
                pipeline.run()
                source.close()
            } catch {
                // Only the first one can be refused: the settings stay as they are.
                problem.withLock { $0 = error }
                begun.signal()
                return
            }
            earlier = status.snapshot
            if let fatal = earlier?.fatal {
                Log.error("Persister begins anew", ["reason": fatal], per: "persister")
            }
        } while earlier?.fatal != nil && !control.waitForStop(milliseconds: 1_000)
    }

    func waitForEnd() {
        ended.wait()
        store.stop(within: .seconds(1))
        deadLetters.stop()
    }
}
