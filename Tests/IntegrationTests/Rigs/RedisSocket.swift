import Foundation
import TestRigs

/// A blocking TCP connection to 127.0.0.1 on which a test says exactly the bytes it means to, Redis' or HTTP's.
@safe final class RedisSocket: Sendable {
    let descriptor: Int32

    /// - Parameter patience: how long `receive` waits for a byte.
    init(port: UInt16, patience: Duration = .seconds(20)) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let code = unsafe LocalSocket.withAddress(port) { unsafe connect(descriptor, $0, $1) }
        guard code == 0 else {
            close(descriptor)
            throw NeverHappened(description: "connecting to port \(port): error \(errno)")
        }
        var limit = timeval(tv_sec: Int(patience.components.seconds), tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var one: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(descriptor) }

    /// Ends it for both sides; a thread that waits in `receive` comes back.
    func cut() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// False when the other side is gone.
    @discardableResult func send(_ bytes: [UInt8]) -> Bool { Self.send(bytes, on: descriptor) }
    @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    static func send(_ bytes: [UInt8], on descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                unsafe Foundation.send(
                    descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// What comes next, at least a byte; empty when the other side has closed, or nothing came in time.
    func receive() -> [UInt8] { Self.receive(on: descriptor) }

    static func receive(on descriptor: Int32) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
            unsafe count = max(0, recv(descriptor, buffer.baseAddress, buffer.count, 0))
        }
    }

    /// Everything until the other side closes.
    func receiveAll() -> String {
        var all: [UInt8] = []
        while true {
            let chunk = receive()
            if chunk.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += chunk
        }
    }
}
