/// One request, complete with its body.
package struct Request: Sendable {
    /// As sent; HEAD has become GET.
    package let method: String
    /// Percent-decoded, without the query.
    package let path: String
    /// Percent-decoded names and values in their order.
    package let query: [(name: String, value: String)]
    package let headers: [(name: String, value: String)]
    /// At most `ServerLimits.bodyBytes`.
    package let body: [UInt8]
    /// The client's numeric address without its port; what a proxy says of it is nobody's word. Empty when it is gone.
    package let remoteAddress: String
    let stop: Flag?

    /// Nobody should be kept waiting any more. Changes while a deferred handler runs.
    package var isServerStopping: Bool { stop?.isSet ?? false }

    /// The first value of a header, in whatever case its name is written.
    package func header(_ name: String) -> String? { Self.header(name, in: headers) }

    package func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    static func header(_ name: String, in headers: [(name: String, value: String)]) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}
