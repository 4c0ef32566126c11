import CSystemShim
import Dispatch
import Foundation
import Glibc
import Records
import Telemetry

/// The store's own thread: what blocks on a database blocks here, and the pipeline goes on.
///
/// One request after the other, each tried until the database has answered it for good: what is only unavailable (locked,
/// full, restarting) is tried again with a growing pause, and `snapshot` says so meanwhile. Answers wake `descriptor`.
package final class StoreThread: StoreQueue, Sendable {
    package let descriptor: Int32
    private let name: String
    private let failpoint: @Sendable (Failpoint) -> Void
    private let requests = Locked<[StoreRequest]>([])
    private let answers = Locked<[StoreAnswer]>([])
    private let state = Locked(StoreSnapshot())
    private let isStopping = Locked(false)
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter name: what logs and health call the database; holds no password.
    package init(name: String, failpoint: @escaping @Sendable (Failpoint) -> Void = { _ in }) {
        self.name = name
        self.failpoint = failpoint
        descriptor = system_shim_eventfd_create()
        precondition(descriptor >= 0, "eventfd fails only without descriptors or memory")
    }

    deinit { close(descriptor) }

    package var snapshot: StoreSnapshot { state.withLock { $0 } }

    /// Begins the thread. Returns after the first attempt to open; throws what only a person can mend, and then no thread is
    /// left, unless `patiently`: then that is tried again too, slowly.
    package func start(patiently: Bool, _ make: @escaping @Sendable () -> any Store) throws(StoreError) {
        let begun = DispatchSemaphore(value: 0)
        let problem = Locked<StoreError?>(nil)
        Thread.detachNewThread { [self] in
            unsafe system_shim_thread_name("store")
            let store = make()
            do throws(StoreError) {
                try open(store)
            } catch {
                note(error)
                if case .unusable = error, !patiently {
                    problem.withLock { $0 = error }
                    store.close()
                    ended.signal()
                    begun.signal()
                    return
                }
            }
            begun.signal()
            run(store)
            store.close()
            ended.signal()
        }
        begun.wait()
        if let problem = problem.withLock({ $0 }) { throw problem }
    }

    package func submit(_ request: StoreRequest) {
        requests.withLock { $0.append(request) }
        wake.signal()
    }

    package func takeAnswers() -> [StoreAnswer] {
        system_shim_eventfd_drain(descriptor)
        return answers.withLock { list in
            defer { list.removeAll() }
            return list
        }
    }

    /// Ends the thread once the database has answered what it was asked; waits for it so long. Requests that wait are
    /// dropped: their offsets were not moved.
    package func stop(within limit: Duration) {
        isStopping.withLock { $0 = true }
        wake.signal()
        _ = ended.wait(timeout: .now() + .milliseconds(Int(limit.components.seconds) * 1000 + 500))
    }

    // MARK: The thread

    private var mustEnd: Bool { isStopping.withLock { $0 } }

    private func run(_ store: any Store) {
        var pause = Backoff()
        while !mustEnd {
            guard let request = requests.withLock({ $0.first }) else {
                // Reopened also while nothing is asked, so that health and the first batch find it ready.
                if snapshot.isOpen {
                    wake.wait()
                } else {
                    tryOpening(store, &pause)
                }
                continue
            }
            do throws(StoreError) {
                if !snapshot.isOpen { try open(store) }
                post(try perform(request, store))
                pause = Backoff()
            } catch {
                if let answer = Self.answer(to: request, error) {
                    post(answer)
                    continue
                }
                note(error)
                rest(&pause, slowly: error.needsPerson)
            }
        }
    }

    private func tryOpening(_ store: any Store, _ pause: inout Backoff) {
        do throws(StoreError) {
            try open(store)
            pause = Backoff()
        } catch {
            note(error)
            rest(&pause, slowly: error.needsPerson)
        }
    }

    private func open(_ store: any Store) throws(StoreError) {
        state.withLock { $0.busySince = .now }
        defer { state.withLock { $0.busySince = nil } }
        try store.open()
        let wasFailing = state.withLock { state in
            defer {
                state.isOpen = true
                state.failure = nil
                state.needsPerson = false
                state.opens += 1
            }
            return state.failure != nil
        }
        if wasFailing { Log.info("Database is usable again", ["database": name]) }
    }

    private func perform(_ request: StoreRequest, _ store: any Store) throws(StoreError) -> StoreAnswer {
        state.withLock { $0.busySince = .now }
        defer { state.withLock { $0.busySince = nil } }
        let began = ContinuousClock.now
        switch request {
        case .claim(let ticket, let partitions):
            let claims = try store.claim(partitions)
            noteSuccess(committed: false)
            return .claimed(ticket: ticket, claims)
        case .write(let batch):
            failpoint(.beforeWrite)
            let report = try store.write(batch)
            failpoint(.afterCommit)
            noteSuccess(committed: true)
            return .wrote(batch, report, ContinuousClock.now - began)
        case .remove(let time, let limit):
            let count = try store.removeCandles(before: time, limit: limit)
            noteSuccess(committed: false)
            return .removed(count)
        }
    }

    /// What the pipeline must decide; the rest is tried again here.
    private static func answer(to request: StoreRequest, _ error: StoreError) -> StoreAnswer? {
        guard case .write(let batch) = request else { return nil }
        return switch error {
        case .fenced(let partitions): .fenced(batch, partitions)
        case .refused(let rows): .refused(batch, rows)
        case .unavailable, .unusable: nil
        }
    }

    private func post(_ answer: StoreAnswer) {
        requests.withLock { _ = $0.removeFirst() }
        answers.withLock { $0.append(answer) }
        system_shim_eventfd_signal(descriptor)
    }

    private func noteSuccess(committed: Bool) {
        state.withLock { state in
            if committed { state.lastCommit = .now }
            state.failure = nil
            state.needsPerson = false
            state.failingSince = nil
        }
    }

    private func note(_ error: StoreError) {
        state.withLock { state in
            state.failures += 1
            state.failure = error.sentence
            state.failureCode = error.code
            state.needsPerson = error.needsPerson
            state.failingSince = state.failingSince ?? .now
            if error.mustReopen { state.isOpen = false }
        }
        Log.warning(
            "Database does not take rows now",
            ["database": name, "database.code": error.code, "reason": error.sentence], per: error.code)
    }

    private func rest(_ pause: inout Backoff, slowly: Bool) {
        let milliseconds = slowly ? 10_000 : pause.next()
        let deadline = DispatchTime.now() + .milliseconds(milliseconds)
        // A new request must not cut the pause short, only the end may.
        while !mustEnd, wake.wait(timeout: deadline) == .success {}
    }

    /// 50 ms, doubling to 5 s, each with a random part so that two processes do not keep meeting.
    private struct Backoff {
        private var milliseconds = 50
        mutating func next() -> Int {
            defer { milliseconds = min(milliseconds * 2, 5_000) }
            return milliseconds / 2 + Int.random(in: 0...(milliseconds / 2))
        }
    }
}

/// How the database is doing, for health, diagnosis and metrics.
package struct StoreSnapshot: Sendable {
    package var isOpen = false
    package var lastCommit: ContinuousClock.Instant?
    /// Why the last attempt failed; `nil` once one succeeded.
    package var failure: String?
    package var failureCode = ""
    package var failingSince: ContinuousClock.Instant?
    /// It will not mend by itself.
    package var needsPerson = false
    package var failures = 0
    package var opens = 0
    /// Since when the thread waits for the database's answer.
    package var busySince: ContinuousClock.Instant?

    package init() {}
}

extension StoreError {
    package var sentence: String {
        switch self {
        case .unavailable(_, let sentence, _), .unusable(_, let sentence): sentence
        case .fenced(let partitions):
            "another process has claimed " + partitions.map { "\($0.topic)/\($0.partition)" }.joined(separator: ", ")
        case .refused(let rows):
            rows.map { "\($0.source.topic)/\($0.source.partition)@\($0.offset): \($0.sentence)" }
                .joined(separator: "; ")
        }
    }

    package var code: String {
        switch self {
        case .unavailable(let code, _, _), .unusable(let code, _): code
        case .fenced: "fenced"
        case .refused: "refused"
        }
    }

    var needsPerson: Bool { if case .unusable = self { true } else { false } }

    var mustReopen: Bool {
        switch self {
        case .unavailable(_, _, let mustReopen): mustReopen
        case .unusable: true
        case .fenced, .refused: false
        }
    }
}
