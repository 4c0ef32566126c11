/// A host and a TCP port. An IPv6 host is held without its brackets.
package struct Address: Sendable, Equatable, CustomStringConvertible {
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[ipv6]:port`.
    ///
    /// - Parameter port: the example in a message.
    package init(parsing text: String, like port: UInt16 = 5004) throws(ValueFault) {
        let fault = ValueFault("must be host:port, like 127.0.0.1:\(port) or [::1]:\(port)", got: text)
        guard let colon = text.lastIndex(of: ":") else { throw fault }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits) else { throw fault }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw fault
        }
        let isPlain = host.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != 0x2f && $0 != 0x40 }
        guard !host.isEmpty, host.utf8.count <= 253, isPlain else { throw fault }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
