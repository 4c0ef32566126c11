import CSystemShim
import Dispatch
import Foundation
import Kafka
import Records
import Router
import Telemetry

/// Writes dead letters to `<topic>.dlq`, on a thread of its own that begins with the first letter.
///
/// A letter is tried until it is written: the lane is told each time it was not, and holds the partition. How many are on
/// their way at once is limited by the lanes.
final class DeadLetterWriter: DeadLetterSink {
    /// The headers of a dead letter, beside the record's own.
    enum Header {
        static let stage = "klinecast.stage"
        static let topic = "klinecast.source.topic"
        static let partition = "klinecast.source.partition"
        static let offset = "klinecast.source.offset"
        static let reason = "klinecast.reason"
        static let detail = "klinecast.detail"
        static let time = "klinecast.time"
    }

    /// What a new dead-letter topic is made with: bytes that nobody could use are kept until somebody looks, and a letter
    /// larger than the broker's usual limit fits, since its record did.
    private static let topicSettings = ["retention.ms": "-1", "max.message.bytes": "104857600"]

    /// How long a letter waits for others of its topic while more come: each topic's letters are a request of their own, and
    /// a broker works on one of them at a time.
    private static let linger: Duration = .milliseconds(300)
    /// When no further letter comes for so long, those that wait for company wait no longer.
    private static let patience: Duration = .milliseconds(20)

    private struct Job {
        let letter: DeadLetter
        let control: PipelineControl

        func delay(_ sentence: String) {
            control.post(DeadLetterResult(ticket: letter.ticket, outcome: .delayed(sentence)))
        }
    }
    private struct Queue {
        var jobs: [Job] = []
        var isStarted = false
        var isStopping = false
    }

    private let settings: KafkaSettings
    private let queue = Locked(Queue())
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    init(settings: KafkaSettings) {
        var settings = settings
        // Above what any source topic lets through: the broker's own limit for the topic decides.
        settings.properties["message.max.bytes"] = "104857600"
        self.settings = settings
    }

    func submit(_ letter: DeadLetter, resultTo control: PipelineControl) {
        let mustStart = queue.withLock { queue in
            queue.jobs.append(Job(letter: letter, control: control))
            defer { queue.isStarted = true }
            return !queue.isStarted
        }
        if mustStart { Thread.detachNewThread { self.run() } }
        wake.signal()
    }

    /// Ends the thread; letters not written stay unwritten, and their records are read again after the restart.
    func stop() {
        let isStarted = queue.withLock { queue in
            queue.isStopping = true
            return queue.isStarted
        }
        wake.signal()
        if isStarted { _ = ended.wait(timeout: .now() + .seconds(2)) }
    }

    // MARK: The thread

    private func run() {
        unsafe system_shim_thread_name("dead-letters")
        defer { ended.signal() }
        var session: Session?
        var waiting: [Job] = []
        var newestAt = ContinuousClock.now
        while true {
            // What was signalled until here is taken now; left over, it would end pauses that have not begun.
            while wake.wait(timeout: .now()) == .success {}
            let (new, isStopping) = queue.withLock { queue in
                defer { queue.jobs.removeAll() }
                return (queue.jobs, queue.isStopping)
            }
            if isStopping { return }
            waiting += new
            if !new.isEmpty { newestAt = .now }
            guard !waiting.isEmpty || session?.isWaiting == true else {
                wake.wait()
                continue
            }
            do {
                if session == nil { session = try Session(settings) }
                waiting = session!.produce(waiting)
                waiting += session!.poll(hurry: ContinuousClock.now - newestAt >= Self.patience)
            } catch {
                for job in waiting { job.delay("\(error)") }
            }
            // What was refused just now is not asked again at once; a new letter ends the pause.
            if !waiting.isEmpty { _ = wake.wait(timeout: .now() + .milliseconds(500)) }
        }
    }

    /// The clients, and what is on its way with them.
    private struct Session {
        let producer: Producer
        let admin: Admin
        var knownTopics: Set<String> = []
        /// Why a topic could not be created; it may be there all the same, so the letter is tried.
        var creationFailures: [String: KafkaError] = [:]
        var inFlight: [UInt64: Job] = [:]
        var nextToken: UInt64 = 0
        var isWaiting: Bool { !inFlight.isEmpty }

        init(_ settings: KafkaSettings) throws(KafkaError) {
            // A failure is told to the lane after these five seconds, and the letter tried again.
            producer = try Producer(
                settings: settings, linger: DeadLetterWriter.linger, deliveryTimeout: .seconds(5))
            admin = Admin(sharing: producer)
            // Most that have letters had some before: creating their topics again would hold up the first ones.
            if let names = try? admin.topicNames(timeout: .seconds(5)) {
                knownTopics = names.filter { $0.hasSuffix(DeadLetter.topicSuffix) }
            }
        }

        /// Hands letters to the client; those it could not take come back.
        mutating func produce(_ jobs: [Job]) -> [Job] {
            var left: [Job] = []
            ensure(Set(jobs.map { $0.letter.source.topic + DeadLetter.topicSuffix }).subtracting(knownTopics).sorted())
            for job in jobs {
                do {
                    let topic = job.letter.source.topic + DeadLetter.topicSuffix
                    try producer.produce(
                        topic: topic, key: job.letter.contents.key, value: job.letter.contents.value,
                        headers: Self.headers(of: job.letter),
                        timestamp: job.letter.timestamp < 0 ? nil : job.letter.timestamp, token: nextToken)
                    inFlight[nextToken] = job
                    nextToken += 1
                } catch {
                    if error != .queueFull { job.delay("\(error)") }
                    left.append(job)
                }
            }
            return left
        }

        /// Waits for reports, and passes them on; failed letters come back.
        ///
        /// - Parameter hurry: no letter waits for company any more.
        mutating func poll(hurry: Bool) -> [Job] {
            var left: [Job] = []
            if hurry { _ = producer.flush(deadline: .milliseconds(100)) }
            for delivery in producer.poll(timeout: hurry ? .zero : DeadLetterWriter.patience) {
                guard let job = inFlight.removeValue(forKey: delivery.token) else { continue }
                if let failure = delivery.failure {
                    let topic = job.letter.source.topic + DeadLetter.topicSuffix
                    knownTopics.remove(topic)
                    job.delay("\(topic): \(failure)" + (creationFailures[topic].map { "; \($0)" } ?? ""))
                    left.append(job)
                } else {
                    job.control.post(DeadLetterResult(ticket: job.letter.ticket, outcome: .written))
                }
            }
            return left
        }

        /// One request for all of them; where that fails each by itself, so that one bad topic is no other's fault.
        private mutating func ensure(_ topics: [String]) {
            guard !topics.isEmpty else { return }
            do throws(KafkaError) {
                try admin.createTopics(
                    topics, configuration: DeadLetterWriter.topicSettings, timeout: .seconds(5))
                note(topics, nil)
            } catch .unsupported {
                // The embedded broker creates them on the first record.
                note(topics, nil)
            } catch {
                if topics.count == 1 {
                    note(topics, error)
                } else {
                    for topic in topics { ensure([topic]) }
                }
            }
        }

        private mutating func note(_ topics: [String], _ failure: KafkaError?) {
            for topic in topics {
                if failure == nil { knownTopics.insert(topic) }
                creationFailures[topic] = failure
            }
        }

        private static func headers(of letter: DeadLetter) -> [(name: String, value: [UInt8])] {
            let own: [(String, String)] = [
                (Header.stage, letter.stage.rawValue),
                (Header.topic, letter.source.topic),
                (Header.partition, String(letter.source.partition)),
                (Header.offset, String(letter.offset)),
                (Header.reason, letter.reason),
                (Header.detail, letter.detail),
                (Header.time, Timestamp.iso8601(Timestamp.now())),
            ]
            return letter.contents.headers.map { ($0.name, $0.value ?? []) } + own.map { ($0.0, Array($0.1.utf8)) }
        }
    }
}
