import Configuration
import Foundation
import Glibc

/// One GET over plain HTTP, without any library: for a health check and for waiting until a process serves.
enum HealthRequest {
    struct Answer {
        let status: Int
        let body: String
    }

    /// `http://host[:port][/path]`.
    static func parse(_ url: String) throws(CommandFailure) -> (Address, path: String) {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host, !host.isEmpty
        else {
            throw .usage(
                "--health: must be an http:// URL, like http://127.0.0.1:5004/health (got \(Terminal.shown(url)))")
        }
        let query = parts.percentEncodedQuery.map { "?\($0)" } ?? ""
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        return (Address(host: bare, port: UInt16(clamping: parts.port ?? 80)), path + query)
    }

    /// Blocks up to `limit` (the look-up of a name aside); nil when there was no answer in HTTP.
    static func get(_ address: Address, _ path: String, within limit: Duration) -> Answer? {
        let deadline = ContinuousClock.now + limit
        guard let descriptor = connect(address, deadline) else { return nil }
        defer { close(descriptor) }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n\r\n".utf8)
        guard unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return nil }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < 1 << 20, wait(descriptor, POLLIN, deadline) {
            let count = unsafe read(descriptor, &chunk, chunk.count)
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let words = text.prefix { $0 != "\r\n" && $0 != "\n" }.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), let status = Int(words[1]) else { return nil }
        let body = text.firstRange(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
        return Answer(status: status, body: body)
    }

    private static func connect(_ address: Address, _ deadline: ContinuousClock.Instant) -> Int32? {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(address.host, "\(address.port)", &hints, &found) == 0 else { return nil }
        defer { unsafe freeaddrinfo(found) }
        var next = unsafe found
        while let one = unsafe next {
            unsafe next = one.pointee.ai_next
            let kind = unsafe one.pointee.ai_socktype | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            let descriptor = unsafe socket(one.pointee.ai_family, kind, 0)
            guard descriptor >= 0 else { continue }
            let result = unsafe Glibc.connect(descriptor, one.pointee.ai_addr, one.pointee.ai_addrlen)
            if result == 0 || errno == EINPROGRESS, wait(descriptor, POLLOUT, deadline), isConnected(descriptor) {
                return descriptor
            }
            close(descriptor)
        }
        return nil
    }

    private static func isConnected(_ descriptor: Int32) -> Bool {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        return code == 0
    }

    private static func wait(_ descriptor: Int32, _ events: Int32, _ deadline: ContinuousClock.Instant) -> Bool {
        let rest = Int32(clamping: (deadline - .now).milliseconds)
        var watched = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return rest > 0 ? unsafe poll(&watched, 1, rest) > 0 : false
    }
}
