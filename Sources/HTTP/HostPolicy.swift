import Glibc

/// Which names a request's Host may hold. A page of another site that points its own name at 127.0.0.1 (DNS rebinding)
/// is refused here, before anything else is looked at.
package enum HostPolicy: Sendable, Equatable {
    case any
    /// Lower-case names without port.
    case only(Set<String>)

    package static let loopback = HostPolicy.only(["localhost", "127.0.0.1", "::1"])

    /// The configured names; without any: the loopback ones and `host` itself on a loopback address, elsewhere any name.
    package static func standard(listeningOn host: String, allowed: [String]) -> HostPolicy {
        if !allowed.isEmpty { return .only(Set(allowed.map { $0.lowercased() })) }
        guard isLoopback(host), case .only(let names) = loopback else { return .any }
        return .only(names.union([host.lowercased()]))
    }

    /// Whether only this machine reaches it: 127.0.0.0/8, ::1, or the word localhost. Any other name may mean any address.
    package static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" { return true }
        var (four, six) = (in_addr(), in6_addr())
        if unsafe inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
        guard unsafe inet_pton(AF_INET6, host, &six) == 1 else { return false }
        let bytes = unsafe withUnsafeBytes(of: &six) { unsafe Array($0) }
        return bytes == [UInt8](repeating: 0, count: 15) + [1]
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
