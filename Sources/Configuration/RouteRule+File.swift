extension RouteRule {
    private static let keys = ["match", "channel", "lane", "data_type"]

    /// Reads the file's list of maps: `match` and `channel` are needed, `lane` is market and `data_type`
    /// raw_market_data unless given; both in any case.
    static func rules(of nodes: [YamlNode]) throws(ValueFault) -> [RouteRule] {
        var rules: [RouteRule] = []
        for node in nodes {
            guard case .mapping(let entries) = node.content else {
                throw ValueFault("must be a list of maps with match and channel (line \(node.line) is none)")
            }
            var texts: [String: String] = [:]
            for entry in entries {
                guard keys.contains(entry.key) else {
                    let hint = Suggestion.nearest(to: entry.key, among: keys).map { "; did you mean \($0)?" } ?? ""
                    throw ValueFault("has an unknown key \(entry.key.shown) on line \(entry.line)\(hint)")
                }
                guard case .scalar(let text) = entry.value.content, !text.isEmpty else {
                    throw ValueFault("needs a text for \(entry.key) on line \(entry.line)")
                }
                texts[entry.key] = text
            }
            rules.append(try rule(of: texts, line: node.line))
        }
        return rules
    }

    private static func rule(of texts: [String: String], line: Int) throws(ValueFault) -> RouteRule {
        guard let match = texts["match"], let channel = texts["channel"] else {
            throw ValueFault("needs match and channel in the rule on line \(line)")
        }
        guard let lane = Lane(rawValue: texts["lane"]?.lowercased() ?? Lane.market.rawValue) else {
            throw ValueFault("must have market or trade as the lane of the rule on line \(line)", got: texts["lane"])
        }
        return RouteRule(
            match: match, channel: channel, lane: lane, dataType: texts["data_type"]?.lowercased() ?? "raw_market_data",
            line: line)
    }
}
