/// A setting's value after its text was read and checked.
package enum OptionValue: Sendable, Equatable {
    case unset
    case boolean(Bool)
    /// A number or a count of bytes.
    case integer(Int)
    case duration(Duration)
    case text(String)
    case list([String])
    case address(Address)
    case addresses([Address])
    case secret(Secret)
    case redisURL(RedisURL)
    case databaseURL(DatabaseURL)
    case start(StartPosition)
    case map([String: String])
    case routes([RouteRule])

    /// One line for people, with every secret hidden; empty when unset.
    package func shown(as kind: OptionKind) -> String {
        switch self {
        case .unset: ""
        case .boolean(let flag): flag ? "on" : "off"
        case .integer(let number): if case .byteCount = kind { ByteCount.text(number) } else { String(number) }
        case .duration(let duration): duration.text
        case .text(let text): text
        case .list(let items): items.joined(separator: ",")
        case .address(let address): address.description
        case .addresses(let addresses): addresses.map(\.description).joined(separator: ",")
        case .secret: Secret.mask
        case .redisURL(let url): url.description
        case .databaseURL(let url): url.description
        case .start(let start): start.description
        case .map(let map):
            map.sorted { $0.key < $1.key }
                .map { "\($0.key)=\(Secret.isSecret(property: $0.key) ? Secret.mask : $0.value)" }.joined(
                    separator: ",")
        case .routes(let rules): rules.map(\.description).joined(separator: "; ")
        }
    }
}
