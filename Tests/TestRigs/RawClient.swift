import Foundation

/// A TCP connection on which a test says exactly the bytes it means to.
package final class RawClient {
    private let descriptor: Int32

    package init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let code = unsafe LocalSocket.withAddress(port) { unsafe connect(descriptor, $0, $1) }
        guard code == 0 else { throw Refused() }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    package struct Refused: Error {}

    deinit { close(descriptor) }

    /// False when the other side is gone.
    @discardableResult package func send(_ bytes: some Collection<UInt8>) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    @discardableResult package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// What comes next, at least a byte; empty when the other side has closed.
    package func receive() -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
        return count > 0 ? Array(chunk[..<count]) : []
    }

    /// Everything until the other side closes.
    package func receiveAll() -> String { String(decoding: receiveAllBytes(), as: UTF8.self) }

    package func receiveAllBytes() -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let chunk = receive()
            if chunk.isEmpty { return all }
            all += chunk
        }
    }

    /// One answer with a Content-Length, on a connection that stays open.
    package func receiveAnswer(hasBody: Bool = true) -> String {
        var all: [UInt8] = []
        var wanted: Int?
        while all.count < wanted ?? .max {
            var byte = [UInt8](repeating: 0, count: 1)
            if unsafe recv(descriptor, &byte, 1, 0) <= 0 { break }
            all += byte
            guard wanted == nil, all.suffix(4) == [13, 10, 13, 10] else { continue }
            let length = String(decoding: all, as: UTF8.self).split(separator: "\r\n")
                .first { $0.lowercased().hasPrefix("content-length:") }
                .flatMap { Int($0.split(separator: ":")[1].trimmingCharacters(in: .whitespaces)) }
            wanted = all.count + (hasBody ? length ?? 0 : 0)
        }
        return String(decoding: all, as: UTF8.self)
    }
}
