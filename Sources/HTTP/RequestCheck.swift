/// What is refused before a route is looked for. Pure.
enum RequestCheck {
    /// The answer to a request that must not go on; `nil` for one that may.
    static func refusal(
        target: RequestTarget?, version: String, headers: [(name: String, value: String)], hosts: HostPolicy,
        bodyLimit: Int
    ) -> Response? {
        func values(_ name: String) -> [String] {
            headers.filter { $0.name.lowercased() == name }.map(\.value)
        }
        guard target != nil else {
            return .failure(
                400, "bad_target", "the path or query holds a broken %-escape or a control character; encode it")
        }
        let host = values("host")
        if host.count > 1 || (host.isEmpty && version != "HTTP/1.0") {
            return .failure(400, "bad_host", "exactly one Host header is needed (got \(host.count))")
        }
        if let host = host.first, !hosts.allows(host) {
            return .failure(
                421, "host_not_allowed", "this Host is not served here; add its name to HTTP_ALLOWED_HOSTS")
        }
        let (lengths, encodings) = (values("content-length"), values("transfer-encoding"))
        // Two statements about a body's length are how one request is smuggled inside another (RFC 9112, 6.3).
        if lengths.count + encodings.count > 1 {
            return .failure(400, "bad_length", "Content-Length and Transfer-Encoding: one of them, once")
        }
        if let encoding = encodings.first, encoding.lowercased() != "chunked" {
            return .failure(400, "bad_encoding", "the only Transfer-Encoding here is chunked")
        }
        if let length = lengths.first {
            guard let bytes = UInt64(length) else {
                return .failure(400, "bad_length", "Content-Length must be a number")
            }
            if bytes > UInt64(bodyLimit) { return tooLarge(bodyLimit) }
        }
        return nil
    }

    static func tooLarge(_ limit: Int) -> Response {
        .failure(413, "body_too_large", "the body is larger than the limit of \(limit) bytes; send less at once")
    }
}
