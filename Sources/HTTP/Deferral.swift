import Telemetry

/// An answer that another thread makes while its connection rests.
final class Deferral: Sendable {
    private let connection: SuspendedConnection
    private let made = Locked<Response?>(nil)

    init(_ connection: SuspendedConnection) { self.connection = connection }

    /// Once, on any thread: the server's own then goes on with the connection.
    func answer(_ response: Response) {
        made.withLock { $0 = response }
        connection.resume()
    }

    /// On the server's thread, after the connection was resumed.
    func take() -> Response? {
        made.withLock { made in
            defer { made = nil }
            return made
        }
    }
}
