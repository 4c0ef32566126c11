import CMicrohttpdShim
import Glibc
import Synchronization
import Telemetry

/// The owner of libmicrohttpd's handle.
///
/// Sendable: the handle is used by `stop` alone, once; libmicrohttpd's thread joins there. The options stay alive as
/// long as the daemon, whose logger reads them.
@safe final class RunningDaemon: @unchecked Sendable {
    private let handle: OpaquePointer
    private let options: UnsafeMutablePointer<microhttpd_shim_options>
    private let exchange: Exchange

    /// Whether the library declared itself broken: its thread is parked, and must not be waited for.
    private static let isBroken = Atomic<Bool>(false)

    init?(listening descriptor: Int32, exchange: Exchange, limits: ServerLimits) {
        Self.catchPanics
        let options = UnsafeMutablePointer<microhttpd_shim_options>.allocate(capacity: 1)
        let context = unsafe Unmanaged.passUnretained(exchange).toOpaque()
        unsafe options.initialize(
            to: microhttpd_shim_options(
                listen_socket: descriptor, connection_limit: UInt32(limits.connections),
                connection_limit_per_address: UInt32(limits.connectionsPerAddress),
                idle_timeout_seconds: UInt32(max(1, limits.idleTimeout.components.seconds)),
                connection_memory: limits.connectionBytes, context: context, on_request: Callbacks.onRequest,
                on_uri: Callbacks.onTarget, on_completed: Callbacks.onCompleted, on_connection: Callbacks.onConnection,
                on_message: Callbacks.onMessage))
        guard let handle = unsafe microhttpd_shim_daemon_start(options) else {
            unsafe options.deallocate()
            return nil
        }
        unsafe self.handle = handle
        unsafe self.options = options
        self.exchange = exchange
    }

    /// Closes the listening socket and all connections, and joins the thread.
    func stop() {
        if Self.isBroken.load(ordering: .relaxed) { return }
        unsafe MHD_stop_daemon(handle)
        unsafe options.deallocate()
    }

    /// The library aborts the process where it finds its own state broken. The data path matters more than this page:
    /// its thread is parked instead, /health stops answering, and whoever watches it decides.
    private static let catchPanics: Void = unsafe MHD_set_panic_func(
        { _, _, line, reason in
            RunningDaemon.isBroken.store(true, ordering: .relaxed)
            let text = unsafe reason.map { unsafe String(cString: $0) } ?? ""
            Log.error("HTTP library broken, its thread is parked", ["http.reason": text, "http.line": String(line)])
            while true { pause() }
        }, nil)
}
