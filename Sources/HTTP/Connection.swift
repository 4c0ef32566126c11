import CMicrohttpdShim
import Glibc

/// libmicrohttpd's connection, valid during a callback only.
@safe struct Connection {
    private let handle: OpaquePointer

    init(handle: OpaquePointer) { unsafe self.handle = handle }

    var socket: Int32 { unsafe microhttpd_shim_connection_socket(handle) }

    /// The client's address without port, as numbers; an IPv4 one is written as such. Empty when it has none any more.
    var remoteAddress: String {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard unsafe getpeername(socket, pointer, &length) == 0 else { return Int32(-1) }
                return unsafe getnameinfo(
                    pointer, length, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
            }
        }
        guard code == 0 else { return "" }
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
    }

    /// Takes the connection out of the server's loop, during the callback that shows a complete request.
    func suspend() -> SuspendedConnection {
        unsafe MHD_suspend_connection(handle)
        return unsafe SuspendedConnection(handle: handle)
    }

    /// All headers in their order.
    var headers: [(name: String, value: String)] {
        var list = HeaderList()
        unsafe withUnsafeMutablePointer(to: &list) { pointer in
            _ = unsafe MHD_get_connection_values(
                handle, .HEADER_KIND,
                { context, _, name, value in
                    guard let list = unsafe context?.assumingMemoryBound(to: HeaderList.self), let name = unsafe name
                    else { return .NO }
                    let text = unsafe value.map { unsafe String(cString: $0) } ?? ""
                    unsafe list.pointee.headers.append((String(cString: name), text))
                    return .YES
                }, pointer)
        }
        return list.headers
    }

    private struct HeaderList { var headers: [(name: String, value: String)] = [] }

    /// Hands the answer to the library. It copies a short body; a long one is read in pieces while it is sent, so that
    /// slow readers of the same bytes share them. False when it does not take it.
    func queue(_ response: Response) -> Bool {
        let isLong = response.body.count > SentBody.pieceLimit
        let made = unsafe isLong ? SentBody.response(response.body) : Self.copy(response.body)
        guard let made = unsafe made else { return false }
        defer { unsafe MHD_destroy_response(made) }
        var headers = [
            Response.Header("Content-Type", response.contentType), Response.Header("X-Content-Type-Options", "nosniff"),
        ]
        if !response.headers.contains(where: { $0.name == "Cache-Control" }) {
            headers.append(Response.Header("Cache-Control", "no-store"))
        }
        for header in headers + response.headers {
            _ = unsafe MHD_add_response_header(made, header.name, header.value)
        }
        return unsafe MHD_queue_response(handle, UInt32(response.status), made) == .YES
    }
}

extension Connection {
    private static func copy(_ body: [UInt8]) -> OpaquePointer? {
        unsafe body.withUnsafeBytes { body in
            unsafe MHD_create_response_from_buffer(
                body.count, UnsafeMutableRawPointer(mutating: body.baseAddress), .RESPMEM_MUST_COPY)
        }
    }
}

/// A connection that rests: the library keeps it, whatever its client does, until it is resumed.
///
/// Sendable: resuming is the one thing that may be done with it, once, and the library allows that on any thread.
@safe struct SuspendedConnection: @unchecked Sendable {
    private let handle: OpaquePointer

    init(handle: OpaquePointer) { unsafe self.handle = handle }

    func resume() { unsafe MHD_resume_connection(handle) }
}
