import Assignment
import Configuration
import HTTP
import MarketData

/// The members of a body, read strictly: each wrong type gets a sentence that names the member and what came.
///
/// A member that nobody knows is ignored, since clients of the predecessor may send their own; one that looks like a typing
/// error of a known one is refused, since what was meant would not happen. Null counts as absent, but for `limit`.
struct RequestMembers {
    private let members: [String: JSONValue]

    init(_ request: Request, known: [String]) throws(Refusal) {
        let value: JSONValue
        do throws(JSONScanner.Fault) {
            value = try JSONValue(request.body)
        } catch {
            throw Refusal(400, "bad_json", "the body is no JSON: \(error)")
        }
        guard case .object(let members) = value else {
            throw Refusal(400, "bad_json", "the body: must be an object (got \(value.kind))")
        }
        for name in members.keys.sorted() where !known.contains(name) {
            guard let meant = Suggestion.nearest(to: name.lowercased(), among: known.filter { members[$0] == nil })
            else {
                continue
            }
            throw Refusal(
                400, "unknown_member", "\(JSONValue.string(name).excerpt): no such member; did you mean \(meant)?")
        }
        self.members = members
    }

    private subscript(name: String) -> JSONValue? {
        switch members[name] {
        case .null, nil: nil
        case .some(let value): value
        }
    }

    func string(_ name: String) throws(Refusal) -> String? {
        guard let value = self[name] else { return nil }
        guard case .string(let text) = value else { throw .member(name, "a string", got: value) }
        return text
    }

    func boolean(_ name: String, default standard: Bool) throws(Refusal) -> Bool {
        guard let value = self[name] else { return standard }
        guard case .boolean(let flag) = value else { throw .member(name, "true or false", got: value) }
        return flag
    }

    /// A whole number, also where it is written as 20.0.
    func integer(_ name: String, _ range: ClosedRange<Int>) throws(Refusal) -> Int? {
        guard let value = self[name] else { return nil }
        guard case .number(let text) = value, let number = Int(text) ?? Double(text).flatMap(Int.init(exactly:)),
            range.contains(number)
        else { throw .member(name, "a whole number of \(range.lowerBound)…\(range.upperBound)", got: value) }
        return number
    }

    /// Like `integer`, where null has a meaning: no limit, `.some(nil)`.
    func limit(_ name: String, _ range: ClosedRange<Int>) throws(Refusal) -> Int?? {
        if members[name] == .null { return .some(nil) }
        return try integer(name, range).map(Optional.some)
    }

    /// `nil` when the member is absent; each symbol once.
    func symbols(_ name: String) throws(Refusal) -> [Symbol]? {
        guard let value = self[name] else { return nil }
        guard case .array(let items) = value else { throw .member(name, "an array of symbols", got: value) }
        guard items.count <= PlanError.symbolLimit else {
            throw Refusal(400, "too_many_symbols", PlanError.tooManySymbols(count: items.count).description)
        }
        var symbols: [Symbol] = []
        symbols.reserveCapacity(items.count)
        var seen: Set<Symbol> = []
        for (index, item) in items.enumerated() {
            let symbol = try Self.symbol(item, "\(name)[\(index)]")
            if seen.insert(symbol).inserted { symbols.append(symbol) }
        }
        return symbols
    }

    /// Whether the member is this word.
    func isWord(_ name: String, _ word: String) -> Bool { self[name] == .string(word) }

    func symbol(_ name: String) throws(Refusal) -> Symbol? {
        guard let value = self[name], value != .string("") else { return nil }
        return try Self.symbol(value, name)
    }

    private static func symbol(_ value: JSONValue, _ name: String) throws(Refusal) -> Symbol {
        guard case .string(let text) = value, let symbol = Symbol(text) else {
            throw .member(name, Symbol.rule, got: value, code: "bad_symbol")
        }
        return symbol
    }

    /// `timeframes` or, as the predecessor's workers call them, `tfs`: an array, or one alone.
    func timeframes() throws(Refusal) -> [Timeframe]? {
        guard let (name, value) = self["timeframes"].map({ ("timeframes", $0) }) ?? self["tfs"].map({ ("tfs", $0) })
        else { return nil }
        if name == "timeframes", self["tfs"] != nil {
            throw Refusal(400, "bad_member", "tfs: is another name of timeframes; send one of them")
        }
        let items: [JSONValue] = if case .array(let items) = value { items } else { [value] }
        guard items.count <= 100 else { throw Refusal(400, "bad_member", "\(name): at most 100 (got \(items.count))") }
        var timeframes: [Timeframe] = []
        for item in items {
            guard case .string(let text) = item, let timeframe = Timeframe(rawValue: text) else {
                throw .member(name, Self.timeframesExpected, got: item, code: "bad_timeframe")
            }
            timeframes.append(timeframe)
        }
        return Placement.canonical(timeframes)
    }

    static let timeframesExpected = "of " + Timeframe.allCases.map(\.rawValue).joined(separator: ", ")
}
