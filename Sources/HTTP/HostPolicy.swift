/// Which names a request's Host may hold. A page of another site that points its own name at 127.0.0.1 (DNS rebinding)
/// is refused here, before anything else is looked at.
package enum HostPolicy: Sendable, Equatable {
    case any
    /// Lower-case names without port.
    case only(Set<String>)

    package static let loopback = HostPolicy.only(["localhost", "127.0.0.1", "::1"])

    /// The configured names; without any: the loopback ones on a loopback address, elsewhere any name.
    package static func standard(listeningOn host: String, allowed: [String]) -> HostPolicy {
        if !allowed.isEmpty { return .only(Set(allowed.map { $0.lowercased() })) }
        return isLoopback(host) ? loopback : .any
    }

    package static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// `value` is the header as sent: name or address, in brackets for IPv6, with or without a port.
    func allows(_ value: String) -> Bool {
        guard case .only(let names) = self else { return true }
        var name = value.lowercased()[...]
        if name.hasPrefix("[") {
            name = name.dropFirst().prefix { $0 != "]" }
        } else {
            name = name.prefix { $0 != ":" }
        }
        return names.contains(String(name))
    }
}
