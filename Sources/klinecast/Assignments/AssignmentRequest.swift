import Assignment
import Configuration

/// What `assignment` is asked for: one thing at a time.
enum AssignmentRequest: Equatable {
    case list(of: WorkerName?)
    case statistics
    case history(limit: Int)
    case clear
    case export(path: String)
    case importing(path: String, keepsOthers: Bool)

    private static let forms = ["list", "stats", "history", "clear", "export", "import"]

    init(_ invocation: Invocation) throws(CommandFailure) {
        try invocation.expectNoArguments()
        let arguments = invocation.arguments
        let chosen = Self.forms.filter(arguments.has)
        guard chosen.count <= 1 else {
            throw .usage("give one of \(chosen.map { "--\($0)" }.joined(separator: " and "))")
        }
        let form = chosen.first ?? "list"
        try Self.refuse(["worker"], unless: form == "list", arguments, "the list")
        try Self.refuse(["limit"], unless: form == "history", arguments, "--history")
        try Self.refuse(["keep", "timeframes"], unless: form == "import", arguments, "--import")
        try Self.refuse(
            ["live", "if-match"], unless: ["import", "clear"].contains(form), arguments, "--import and --clear")
        switch form {
        case "stats": self = .statistics
        case "history": self = .history(limit: try invocation.number("limit", in: 1...10_000) ?? 20)
        case "clear": self = .clear
        case "export": self = .export(path: arguments.flags["export"] ?? "-")
        case "import": self = .importing(path: arguments.flags["import"] ?? "-", keepsOthers: arguments.has("keep"))
        default:
            var worker: WorkerName?
            if let text = arguments.flags["worker"] { worker = try AssignmentArguments.worker(text) }
            self = .list(of: worker)
        }
    }

    private static func refuse(
        _ flags: [String], unless isMeant: Bool, _ arguments: CommandLineArguments, _ place: String
    ) throws(CommandFailure) {
        guard !isMeant, let flag = flags.first(where: arguments.has) else { return }
        throw .usage("--\(flag) has a meaning with \(place) alone")
    }
}
