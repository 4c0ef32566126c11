import Glibc
import Synchronization
import Telemetry

/// The threads of deferred handlers, and the queue before them.
///
/// What reads goes first, and neither reads nor writes ever have all threads: writes may wait for seconds, and reads are what
/// people look at meanwhile; readers of whom there are always more keep nobody from changing something. A request that waited longer than its client will is answered without being carried out.
///
/// Sendable: the state is touched only between lock and unlock of its mutex, the handles only before the first thread
/// starts and after the last has ended.
@safe final class HandlerPool: @unchecked Sendable {
    struct Job {
        let request: Request
        let handler: Route.Handler
        let deferral: Deferral
        let queued: Duration

        var isRead: Bool { request.method == "GET" }
    }

    private struct State {
        var reads: [Job] = []
        var writes: [Job] = []
        var runningReads = 0
        var runningWrites = 0
        /// Promised places that `enqueue` has not filled yet.
        var reserved = 0
        var threads: [pthread_t] = []
    }

    private let limits: ServerLimits
    private var state = State()
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    /// Also read by handlers that wait for something.
    let isStopping = Flag()

    init?(limits: ServerLimits) {
        self.limits = limits
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
        unsafe condition = .allocate(capacity: 1)
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_cond_init(condition, nil)
        for _ in 0..<max(2, limits.handlerThreads) {
            guard let thread = start() else {
                stop()
                return nil
            }
            locked { $0.threads.append(thread) }
        }
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// A place in the queue, which `enqueue` must fill; else the answer that says why there is none.
    func reserve() -> Response? {
        locked { state in
            if isStopping.isSet { return Self.stopping }
            guard state.reads.count + state.writes.count + state.reserved < limits.queuedRequests else {
                return Self.busy
            }
            state.reserved += 1
            return nil
        }
    }

    func enqueue(_ job: Job) {
        locked { state in
            state.reserved -= 1
            if job.isRead { state.reads.append(job) } else { state.writes.append(job) }
        }
        unsafe pthread_cond_signal(condition)
    }

    /// Answers what waits, lets what runs end, and returns when all threads have ended. Once.
    func stop() {
        isStopping.set()
        let threads = locked { state in
            defer { state.threads = [] }
            return state.threads
        }
        unsafe pthread_cond_broadcast(condition)
        for thread in threads { pthread_join(thread, nil) }
    }

    private func locked<Value>(_ body: (inout State) -> Value) -> Value {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    private func start() -> pthread_t? {
        var started = pthread_t()
        // The thread owns a reference to this object until it ends.
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let code = unsafe pthread_create(
            &started, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<HandlerPool>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
        if code == 0 { return started }
        unsafe Unmanaged<HandlerPool>.fromOpaque(context).release()
        return nil
    }

    private func run() {
        ThreadName.set("http-handler")
        while let job = next() {
            job.deferral.answer(response(to: job))
            locked { state in
                if job.isRead { state.runningReads -= 1 } else { state.runningWrites -= 1 }
            }
            // One of its kind that had to wait for it.
            unsafe pthread_cond_signal(condition)
        }
    }

    private func response(to job: Job) -> Response {
        if isStopping.isSet { return Self.stopping }
        return LogWriter.monotonic() - job.queued > limits.queuePatience ? Self.busy : job.handler(job.request)
    }

    /// Waits for work; `nil` when there will be none any more.
    private func next() -> Job? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            // All threads may bring what waits to its end, which is an answer that nothing was done.
            let most = isStopping.isSet ? Int.max : max(2, limits.handlerThreads) - 1
            if state.runningReads < most, !state.reads.isEmpty {
                state.runningReads += 1
                return state.reads.removeFirst()
            }
            if state.runningWrites < most, !state.writes.isEmpty {
                state.runningWrites += 1
                return state.writes.removeFirst()
            }
            if isStopping.isSet, state.reserved == 0, state.reads.isEmpty, state.writes.isEmpty {
                unsafe pthread_cond_broadcast(condition)
                return nil
            }
            unsafe pthread_cond_wait(condition, mutex)
        }
    }

    private static let busy = Response.failure(
        503, "busy", "more requests wait here than can be served in time; nothing was done: repeat it later",
        headers: [Response.Header("Retry-After", "2")])
    private static let stopping = Response.failure(
        503, "stopping", "this process is stopping; nothing was done: repeat it later",
        headers: [Response.Header("Retry-After", "5")])
}

/// Once true, always true.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
