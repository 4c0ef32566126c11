import Configuration
import MarketData
import Router

extension RouteTable {
    /// The table of the effective settings. A rule that says nothing the router understands is named with its place.
    init(_ settings: Settings) throws(CommandFailure) {
        let settings = settings.router
        var rules: [Router.RouteRule] = []
        for (index, rule) in settings.routes.enumerated() {
            rules.append(try Self.compiled(rule, number: index + 1))
        }
        // The setting was read as symbols: none is lost here.
        let symbols = Set(settings.symbols.compactMap { Symbol($0) })
        self.init(
            prefix: settings.channelPrefix, rules: rules, symbols: symbols, legacyChannels: settings.hasLegacyChannels)
    }

    private static func compiled(_ rule: Configuration.RouteRule, number: Int) throws(CommandFailure)
        -> Router.RouteRule
    {
        let place = "router.routes, rule \(number) (line \(rule.line))"
        guard let lane = Lane(rawValue: rule.lane.rawValue) else {
            throw .usage("\(place): lane: must be market or trade (got \(rule.lane.rawValue))")
        }
        guard let dataType = DataType(rawValue: rule.dataType) else {
            let known = DataType.allCases.map(\.rawValue)
            let hint = Suggestion.nearest(to: rule.dataType, among: known).map { "; did you mean \($0)?" } ?? ""
            throw .usage(
                "\(place): data_type: must be \(known.joined(separator: ", ")) (got \(Terminal.shown(rule.dataType)))\(hint)"
            )
        }
        // The file's template is the channel behind the prefix, unless it places the prefix itself.
        let template = rule.channel.contains("{prefix}") ? rule.channel : "{prefix}:\(rule.channel)"
        do {
            return try Router.RouteRule(match: rule.match, channel: template, lane: lane, dataType: dataType)
        } catch {
            throw .usage("\(place): \(error)")
        }
    }
}
