import Assignment
import Configuration
import MarketData

/// What `dispatch` is asked for.
enum DispatchRequest {
    case dispatch(Dispatch)
    case rebalance(Rebalance)

    /// The predecessor's, and the API's.
    private static let leastCapacity = 20
    private static let strategies = ["hash", "least", "worker", "modulo"]

    init(_ invocation: Invocation, _ settings: Settings) throws(CommandFailure) {
        let arguments = invocation.arguments
        let symbols = try AssignmentArguments.symbols(arguments.positional)
        let timeframes = try AssignmentArguments.timeframes(invocation, settings)
        let capacity = try invocation.number("capacity", in: 1...PlanError.symbolLimit)
        if arguments.has("rebalance") {
            for flag in ["strategy", "worker"] where arguments.has(flag) {
                throw .usage("--\(flag) has no meaning with --rebalance, which moves as few symbols as it can")
            }
            self = .rebalance(
                Rebalance(
                    symbols: symbols.isEmpty ? nil : symbols, timeframes: timeframes, capacity: capacity,
                    moveLimit: try invocation.number("max-moves", in: 0...PlanError.symbolLimit),
                    unpins: arguments.has("unpin")))
            return
        }
        if arguments.has("max-moves") { throw .usage("--max-moves has a meaning with --rebalance alone") }
        guard !symbols.isEmpty else {
            throw .usage("name the symbols: BTCUSDT,ETHUSDT or a CSV file; or --rebalance for all that are placed")
        }
        let strategy = try Self.strategy(arguments)
        self = .dispatch(
            Dispatch(
                symbols, by: strategy, timeframes: timeframes,
                capacity: capacity ?? (strategy == .least ? Self.leastCapacity : nil),
                unpins: arguments.has("unpin")))
    }

    private static func strategy(_ arguments: CommandLineArguments) throws(CommandFailure) -> Strategy {
        let word = arguments.flags["strategy"]?.lowercased()
        if let word, !strategies.contains(word) {
            let hint = Suggestion.nearest(to: word, among: strategies).map { "; did you mean \($0)?" } ?? ""
            throw .usage(
                "--strategy: must be \(strategies.joined(separator: " or ")) (got \(Terminal.shown(word)))\(hint)")
        }
        if let worker = arguments.flags["worker"] { return .worker(try AssignmentArguments.worker(worker)) }
        switch word {
        case "least": return .least
        case "modulo": return .modulo
        case "worker": throw .usage("--strategy worker needs the worker's name: --worker W")
        default: return .hash
        }
    }
}
