package import Configuration

/// How to reach one Redis, and how patient to be with it.
package struct RedisSettings: Sendable {
    package enum Endpoint: Sendable, Hashable, CustomStringConvertible {
        case tcp(host: String, port: UInt16)
        case unix(path: String)

        package var description: String {
            switch self {
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unix(let path): path
            }
        }
    }

    package var endpoint: Endpoint
    package var usesTLS = false
    /// A PEM file, or a folder of them by hash, of the authorities to trust; `nil`: the system's.
    package var authorityLocation: String?
    package var username: String?
    package var password: Secret?
    package var database = 0
    /// Shown by CLIENT LIST; no blank or line end in it.
    package var clientName: String?
    /// The oldest command without a reply may wait this long, counted from its writing or the reply before it. A hung
    /// server is noticed this long after the next role check.
    package var replyDeadline: Duration = .seconds(3)
    /// For looking the name up, for each address to connect to, and for the TLS handshake, each.
    package var connectTimeout: Duration = .seconds(3)
    package var roleCheckInterval: Duration = .seconds(1)
    /// Waiting times between attempts grow from the lower to the upper one, with jitter.
    package var backoff: ClosedRange<Duration> = .milliseconds(50) ... .seconds(2)
    /// Bytes one reply may take in memory.
    package var replyLimit = 64 << 20

    package init(endpoint: Endpoint = .tcp(host: "127.0.0.1", port: 6379)) { self.endpoint = endpoint }

    /// The address's place, TLS, user, password and database; all else as by default.
    package init(_ url: RedisURL) {
        switch url.place {
        case .tcp(let address): self.init(endpoint: .tcp(host: address.host, port: address.port))
        case .unix(let path): self.init(endpoint: .unix(path: path))
        }
        usesTLS = url.usesTLS
        username = url.username
        password = url.password
        database = url.database ?? 0
    }
}

/// Where the master is, asked before every attempt to connect.
///
/// A Sentinel source keeps the addresses of its sentinels, asks them in turn on a thread of its own with short timeouts
/// (SENTINEL get-master-addr-by-name), and gives its newest answer here; a stale answer is caught by the connection's own
/// ROLE check, whose failure is handed back as a hint to ask again. A Cluster source is one of these a node, picked by
/// the slot table; a MOVED reply makes its owner poison the connection and ask anew.
package protocol EndpointSource: Sendable {
    /// Called on the connection's thread; must not block. `failure` is why the last connection ended.
    func endpoint(after failure: RedisError?) -> RedisSettings.Endpoint
}

/// One Redis that stays where it is.
package struct StaticEndpoint: EndpointSource {
    package let endpoint: RedisSettings.Endpoint

    package init(_ endpoint: RedisSettings.Endpoint) { self.endpoint = endpoint }

    package func endpoint(after failure: RedisError?) -> RedisSettings.Endpoint { endpoint }
}
