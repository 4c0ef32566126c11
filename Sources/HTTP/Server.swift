import CMicrohttpdShim
import Glibc
import Telemetry

/// An HTTP/1.1 server for health, diagnosis and control: libmicrohttpd with one epoll thread of its own, on which handlers
/// run, a few threads for those that wait, where there are any, and one thread that ends slow connections.
///
/// Limits: see `ServerLimits`. Every answer of ours that reports a failure has the shape
/// `{"ok":false,"error":…,"code":…}`; what the library refuses itself (a request line or headers beyond the
/// connection's memory: 414, 431; a request that is none: 400) has its own short page.
///
/// Threads inherit the signal mask of the thread that calls `init`: block what the process waits for elsewhere first.
@safe package final class Server: Sendable {
    package let host: String
    /// The port in use, also where port 0 asked for any.
    package let port: UInt16

    private let exchange: Exchange
    private let pool: HandlerPool?
    private let sweeper: DeadlineSweeper
    /// `nil` after `stop`.
    private let daemon: Locked<RunningDaemon?>

    /// Listens from its return on. `setting` is the name a person changes to listen elsewhere, for the error's words.
    package init(
        host: String, port: UInt16, setting: String, routes: [Route], hosts: HostPolicy, metrics: HTTPMetrics,
        limits: ServerLimits = ServerLimits()
    ) throws(HTTPError) {
        let descriptor = try ListeningSocket.open(host: host, port: port, setting: setting)
        let actual = ListeningSocket.port(of: descriptor)
        let table = RouteTable(routes)
        let pool = table.needsThreads ? HandlerPool(limits: limits) : nil
        let exchange = Exchange(routes: table, hosts: hosts, metrics: metrics, limits: limits, pool: pool)
        metrics.attach(exchange.deadlines)
        guard !table.needsThreads || pool != nil, let sweeper = DeadlineSweeper(exchange.deadlines, limits: limits)
        else {
            pool?.stop()
            close(descriptor)
            throw .cannotStart(address: ListeningSocket.shown(host, port))
        }
        guard let daemon = RunningDaemon(listening: descriptor, exchange: exchange, limits: limits) else {
            pool?.stop()
            sweeper.stop()
            close(descriptor)
            throw .cannotStart(address: ListeningSocket.shown(host, port))
        }
        self.host = host
        self.port = actual
        self.exchange = exchange
        self.pool = pool
        self.sweeper = sweeper
        self.daemon = Locked(daemon)
    }

    /// `host:port` as a URL has it.
    package var address: String { ListeningSocket.shown(host, port) }

    /// Closes every connection, at whatever point it is, and returns when all threads have ended. A second call does
    /// nothing. Deferred handlers that run come to their end, and their clients have half a second for the answer: the
    /// library must not be stopped while a connection is suspended.
    package func stop() {
        let running = daemon.withLock { daemon in
            defer { daemon = nil }
            return daemon
        }
        guard let running else { return }
        pool?.stop()
        let end = LogWriter.monotonic() + .milliseconds(500)
        while exchange.deferredRequests > 0, LogWriter.monotonic() < end { usleep(1_000) }
        running.stop()
        sweeper.stop()
    }

    deinit { stop() }
}
