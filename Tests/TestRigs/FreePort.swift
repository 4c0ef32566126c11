import Foundation

/// A TCP port of 127.0.0.1 that nothing listens on at this moment.
package func freePort() -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            precondition(unsafe bind(descriptor, generic, length) == 0, "no free port on 127.0.0.1")
            precondition(unsafe getsockname(descriptor, generic, &length) == 0, "a bound socket has a name")
        }
    }
    return UInt16(bigEndian: address.sin_port)
}
