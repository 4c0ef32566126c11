import CSystemShim
import Foundation
import Glibc
import Telemetry

/// An address to connect to, as the kernel takes it.
struct SocketAddress: Sendable, Equatable {
    let family: Int32
    /// The bytes of the `sockaddr`.
    let bytes: [UInt8]

    /// `nil` when the path is longer than the kernel takes (107 bytes).
    init?(unixPath path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let text = Array(path.utf8)
        guard text.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: text) }
        family = AF_UNIX
        bytes = unsafe withUnsafeBytes(of: address) { unsafe [UInt8]($0) }
    }

    init(_ found: UnsafeMutablePointer<addrinfo>) {
        family = unsafe found.pointee.ai_family
        bytes = unsafe [UInt8](
            UnsafeRawBufferPointer(start: found.pointee.ai_addr, count: Int(found.pointee.ai_addrlen)))
    }

    /// getaddrinfo: may block for as long as the system's resolver takes, except with `isNumeric`.
    static func lookUp(host: String, port: UInt16, isNumeric: Bool) -> Result<[SocketAddress], RedisError> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = isNumeric ? AI_NUMERICHOST | AI_NUMERICSERV : AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &found)
        guard code == 0 else {
            return .failure(.resolution(host: host, words: unsafe String(cString: gai_strerror(code))))
        }
        defer { unsafe freeaddrinfo(found) }
        var addresses: [SocketAddress] = []
        var next = unsafe found
        while let entry = unsafe next {
            unsafe addresses.append(SocketAddress(entry))
            unsafe next = entry.pointee.ai_next
        }
        return .success(addresses)
    }
}

/// One look-up of a name on a short-lived thread of its own, since getaddrinfo blocks and cannot be cancelled.
///
/// `descriptor` becomes readable when the answer is there. The thread keeps this object alive until then; its owner
/// starts no second one for the same name while the first still runs.
final class AddressResolver: Sendable {
    let host: String
    let port: UInt16
    let descriptor: Int32
    private let found = Locked<Result<[SocketAddress], RedisError>?>(nil)

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
        descriptor = system_shim_eventfd_create()
        Thread.detachNewThread { [self] in
            unsafe system_shim_thread_name("redis-lookup")
            let result = SocketAddress.lookUp(host: host, port: port, isNumeric: false)
            found.withLock { $0 = result }
            system_shim_eventfd_signal(descriptor)
        }
    }

    deinit { _ = close(descriptor) }

    /// The answer, once it is there.
    var result: Result<[SocketAddress], RedisError>? { found.withLock { $0 } }
}
