import Assignment
import Configuration
import Gateway

/// Symbols to workers: a plan first, then live.
struct DispatchCommand: Command {
    static let description = CommandDescription(
        "dispatch", aliases: ["ws:dispatch"], "Give symbols to workers, or level the loads: a plan first, then --live.",
        arguments: "LIST|FILE.csv|-",
        flags: [
            CommandFlag(
                "strategy", short: "s", value: "NAME",
                "hash: where a function of the names says, at most 1.25 of an even share [default]; least: what is placed "
                    + "stays, the rest to the least loaded; modulo: crc32 mod n, the predecessor's hash; worker: with --worker."
            ),
            CommandFlag(
                "worker", short: "w", value: "W",
                "All of the symbols to this worker, pinned there whatever --strategy says."),
            CommandFlag(
                "capacity", short: "c", value: "N",
                "Most symbols of any worker, below its own capacity; with least 20 unless told."),
            CommandFlag(
                "timeframes", short: "t", value: "LIST",
                "Timeframes that the symbols are served with, like 1m,5m; else gateway.timeframes."),
            CommandFlag(
                "rebalance", short: "r", "Level the loads with as few moves as possible; without a list all symbols."),
            CommandFlag("max-moves", value: "N", "rebalance: at most so many moves of symbols that are being served."),
            CommandFlag("unpin", "Take back the pins of these symbols first."),
            AssignmentArguments.live, AssignmentArguments.condition,
            CommandFlag("json", "One JSON object: the plan, and what became of it."),
        ],
        sections: ["redis", "log"],
        examples: [
            "klinecast dispatch BTCUSDT,ETHUSDT --strategy least --timeframes 1m,5m",
            "klinecast dispatch contracts.csv --strategy modulo --live",
            "klinecast dispatch BTCUSDT --worker ws-1 --live", "klinecast dispatch --rebalance --max-moves 10",
        ])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let settings = try invocation.settings(isQuiet: true)
        let request = try DispatchRequest(invocation, settings)
        let execution = Execution(
            storage: AssignmentAccess.open(settings),
            terms: try AssignmentArguments.terms(invocation, isLive: invocation.arguments.has("live")),
            isJSON: invocation.arguments.has("json"))
        return try execution.run { terms throws(AssignmentError) in
            switch request {
            case .dispatch(let dispatch): try execution.service.dispatch(dispatch, terms)
            case .rebalance(let rebalance): try execution.service.rebalance(rebalance, terms)
            }
        }
    }
}
