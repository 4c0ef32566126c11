/// One rule of `router.routes`, as the file holds it; the router compiles and checks pattern and template.
package struct RouteRule: Sendable, Equatable, CustomStringConvertible {
    package enum Lane: String, Sendable, CaseIterable { case market, trade }

    /// A regular expression with named groups that the whole topic must match.
    package let match: String
    /// The channel without its prefix; `{group}` stands for what the group matched.
    package let channel: String
    package let lane: Lane
    package let dataType: String
    /// Where the rule begins in the file, counted from 1, for messages.
    package let line: Int

    package init(match: String, channel: String, lane: Lane, dataType: String, line: Int) {
        self.match = match
        self.channel = channel
        self.lane = lane
        self.dataType = dataType
        self.line = line
    }

    package var description: String { "\(match) → \(channel) (\(lane.rawValue), \(dataType))" }
}
