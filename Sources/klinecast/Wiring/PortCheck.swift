import Configuration
import Foundation

/// Whether a program may listen on a port, asked before it is needed.
enum PortCheck {
    static func meansTaken(_ code: Int32) -> Bool { code == EADDRINUSE }

    /// What to say when a port is taken; `remedy` names the settings that choose another.
    static func sentence(_ setting: String, _ address: Address, remedy: String) -> String {
        "\(setting): port \(address.port) of \(address.host) is taken by another program; end it "
            + "(`ss -ltnp sport = :\(address.port)` names it) or choose another address with \(remedy)"
    }

    /// True when something listens there, or the address cannot be had. Names are not looked up: only an IPv4 address and
    /// `localhost` are asked about, anything else counts as free.
    static func isTaken(_ address: Address) -> Bool {
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = address.port.bigEndian
        let host = address.host == "localhost" ? "127.0.0.1" : address.host
        guard unsafe inet_pton(AF_INET, host, &target.sin_addr) == 1 else { return false }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // What servers do: connections that linger after an earlier server do not count.
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let result = unsafe withUnsafePointer(to: &target) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result != 0 && errno == EADDRINUSE
    }
}
