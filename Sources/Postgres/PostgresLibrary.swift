internal import CPostgresShim

/// The client library this program was linked with.
package enum PostgresLibrary {
    /// `15.20` for 150020.
    package static var version: String {
        let number = PQlibVersion()
        return "\(number / 10_000).\(number % 10_000)"
    }
}
