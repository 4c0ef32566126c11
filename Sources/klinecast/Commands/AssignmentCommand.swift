import Assignment
import Configuration
import Foundation
import Gateway
import Telemetry

/// What is assigned: shown, counted, written to a file, read from one.
struct AssignmentCommand: Command {
    static let description = CommandDescription(
        "assignment", aliases: ["ws:assignment"],
        "Show which worker serves which symbol; import, export or clear it.",
        flags: [
            CommandFlag("list", "Every symbol with its worker; what is shown without a flag."),
            CommandFlag("worker", short: "w", value: "W", "list: this worker's symbols only."),
            CommandFlag("stats", "How many symbols each worker has, and what is pending."),
            CommandFlag("history", "Who changed what, the newest first."),
            CommandFlag("limit", value: "N", "history: so many entries; 20 unless told."),
            CommandFlag("export", value: "FILE", "Write symbol,worker,assigned_at as CSV; - is standard output."),
            CommandFlag(
                "import", value: "FILE",
                "Read such a file: its rows become the whole assignment. A plan, without --live."),
            CommandFlag("keep", "import: symbols that the file does not name keep their workers."),
            CommandFlag(
                "timeframes", short: "t", value: "LIST", "import: what symbols that are new here are served with."),
            CommandFlag("clear", "No symbol is served by anybody any more. A plan, without --live."),
            AssignmentArguments.live, AssignmentArguments.condition,
            CommandFlag("json", "list, stats, clear, import: one JSON object; history: an array."),
        ],
        sections: ["redis", "log"],
        examples: [
            "klinecast assignment --stats", "klinecast assignment --worker ws-1 --json",
            "klinecast assignment --export hot_assignment.csv",
            "klinecast assignment --import hot_assignment.csv --live",
        ])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let request = try AssignmentRequest(invocation)
        let settings = try invocation.settings(isQuiet: true)
        let storage = AssignmentAccess.open(settings)
        let isJSON = invocation.arguments.has("json")
        switch request {
        case .list(let worker): try AssignmentTable.list(storage, of: worker, isJSON: isJSON)
        case .statistics: try AssignmentTable.statistics(storage, isJSON: isJSON)
        case .history(let limit): try HistoryTable.show(storage, limit: limit, isJSON: isJSON)
        case .export(let path): try Self.export(storage, to: path)
        case .clear, .importing: return try Self.change(request, invocation, settings, storage, isJSON)
        }
        return .done
    }

    private static func change(
        _ request: AssignmentRequest, _ invocation: Invocation, _ settings: Settings, _ storage: RedisAssignments,
        _ isJSON: Bool
    ) throws -> ExitCode {
        let terms = try AssignmentArguments.terms(invocation, isLive: invocation.arguments.has("live"))
        let execution = Execution(storage: storage, terms: terms, isJSON: isJSON)
        guard case .importing(let path, let keepsOthers) = request else {
            return try execution.run { terms throws(AssignmentError) in try execution.service.remove(nil, terms) }
        }
        let file = AssignmentFile(try AssignmentArguments.text(ofFile: path))
        guard file.problems.isEmpty else { throw AssignmentArguments.failure(path, file.problems) }
        guard !file.rows.isEmpty else {
            throw CommandFailure.failed(
                "\(Terminal.plain(path)): holds no row of symbol,worker; --clear is what takes every symbol away")
        }
        let timeframes = try AssignmentArguments.timeframes(invocation, settings)
        return try execution.run { terms throws(AssignmentError) in
            try execution.service.importRows(file, timeframes: timeframes, keepsOthers: keepsOthers, terms)
        }
    }

    private static func export(_ storage: any AssignmentStorage, to path: String) throws(CommandFailure) {
        let stored = try AssignmentAccess.stored { () throws(StorageError) in try storage.read() }
        let text = AssignmentFile.text(of: stored.state)
        if path == "-" {
            Terminal.data(text)
            return
        }
        try AssignmentArguments.write(text, toFile: path)
        Terminal.talk(
            "\(Terminal.counted(stored.state.placements.count, "symbol")) at version \(stored.tag) in \(path)")
    }
}
