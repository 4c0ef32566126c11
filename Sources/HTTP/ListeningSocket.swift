import CMicrohttpdShim
import Glibc

/// Opens the socket itself, so that a failure has a reason in words.
enum ListeningSocket {
    /// A non-blocking listening socket; whoever gets it closes it. A host name is resolved, which may block.
    static func open(host: String, port: UInt16, setting: String) throws(HTTPError) -> Int32 {
        let shown = shown(host, port)
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &found)
        guard code == 0, let first = unsafe found else {
            throw .cannotListen(address: shown, setting: setting, reason: unsafe String(cString: gai_strerror(code)))
        }
        defer { unsafe freeaddrinfo(first) }
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = unsafe socket(first.pointee.ai_family, flags, 0)
        guard descriptor >= 0 else {
            throw .cannotListen(address: shown, setting: setting, reason: lastError())
        }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        let isBound = unsafe bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0
        guard isBound, listen(descriptor, 1_024) == 0 else {
            let code = errno
            let reason = lastError()
            close(descriptor)
            if code == EADDRINUSE { throw .addressInUse(address: shown, setting: setting) }
            throw .cannotListen(address: shown, setting: setting, reason: reason)
        }
        return descriptor
    }

    static func shown(_ host: String, _ port: UInt16) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// The port that the system chose for port 0.
    static func port(of descriptor: Int32) -> UInt16 {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutableBytes(of: &address) { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            guard unsafe getsockname(descriptor, base.assumingMemoryBound(to: sockaddr.self), &length) == 0 else {
                return 0
            }
            // sockaddr_in and sockaddr_in6 both hold the port behind the family.
            return unsafe UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    private static func lastError() -> String { unsafe String(cString: strerror(errno)) }
}
