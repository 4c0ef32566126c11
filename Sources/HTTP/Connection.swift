import CMicrohttpdShim

/// libmicrohttpd's connection, valid during a callback only.
@safe struct Connection {
    private let handle: OpaquePointer

    init(handle: OpaquePointer) { unsafe self.handle = handle }

    var socket: Int32 { unsafe microhttpd_shim_connection_socket(handle) }

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

    /// Hands the answer to the library, which copies it. False when it does not take it.
    func queue(_ response: Response) -> Bool {
        let made = unsafe response.body.withUnsafeBytes { body in
            unsafe MHD_create_response_from_buffer(
                body.count, UnsafeMutableRawPointer(mutating: body.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let made = unsafe made else { return false }
        defer { unsafe MHD_destroy_response(made) }
        let headers = [
            Response.Header("Content-Type", response.contentType), Response.Header("X-Content-Type-Options", "nosniff"),
            Response.Header("Cache-Control", "no-store"),
        ]
        for header in headers + response.headers {
            _ = unsafe MHD_add_response_header(made, header.name, header.value)
        }
        return unsafe MHD_queue_response(handle, UInt32(response.status), made) == .YES
    }
}
