import Glibc
import Synchronization
import Telemetry

/// Ends connections that take too long. The library's own timeout counts from the last byte, so that a byte every few
/// seconds would keep a connection for ever; these count from the beginning of a phase.
///
/// Marked on the server's thread, looked at by `sweep` on another: an entry goes before its socket is closed, so a
/// number that the system has given to somebody else is never shut down.
final class ConnectionDeadlines: Sendable {
    private let limits: ServerLimits
    private let ends = Locked<[Int32: Duration]>([:])
    private let cut = Atomic<UInt64>(0)

    init(limits: ServerLimits) { self.limits = limits }

    var openConnections: Int { ends.withLock { $0.count } }
    var cutConnections: UInt64 { cut.load(ordering: .relaxed) }

    func connected(_ socket: Int32, now: Duration) { set(socket, now + limits.headerDeadline) }
    func headersComplete(_ socket: Int32, now: Duration) { set(socket, now + limits.requestDeadline) }
    func answered(_ socket: Int32, now: Duration) {
        // A closed connection has no entry any more and must not get one.
        ends.withLock { ends in
            if ends[socket] != nil { ends[socket] = now + limits.idleTimeout + limits.headerDeadline }
        }
    }
    func closed(_ socket: Int32) { ends.withLock { _ = $0.removeValue(forKey: socket) } }

    private func set(_ socket: Int32, _ end: Duration) { ends.withLock { $0[socket] = end } }

    /// Shuts down what is past its end; the server's thread then sees it closed.
    func sweep(now: Duration) {
        let count = ends.withLock { ends in
            let late = ends.filter { now >= $0.value }
            for socket in late.keys {
                shutdown(socket, Int32(SHUT_RDWR))
                // Once is enough: the entry itself leaves when the server closes the connection.
                ends[socket] = .seconds(Int64.max / 2)
            }
            return late.count
        }
        guard count > 0 else { return }
        cut.add(UInt64(count), ordering: .relaxed)
        Log.warning("Slow HTTP connections cut", ["http.connections": String(count)])
    }
}
