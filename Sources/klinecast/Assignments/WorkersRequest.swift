import Assignment
import Configuration

/// What `workers` is asked for.
enum WorkersRequest: Equatable {
    case list
    case add(WorkerName, address: String, capacity: Int?, weight: Int)
    case set(Worker.State, WorkerName)
    case remove(WorkerName, abandons: Bool)

    private static let verbs = ["list", "add", "drain", "activate", "remove"]

    init(_ invocation: Invocation) throws(CommandFailure) {
        let arguments = invocation.arguments
        let words = arguments.positional
        let verb = words.first ?? "list"
        guard Self.verbs.contains(verb) else {
            let nearest = Suggestion.nearest(to: verb, among: Self.verbs).map { "did you mean \($0)?" }
            throw .usage("\(Terminal.plain(verb)): \(nearest ?? "say list, add, drain, activate or remove")")
        }
        for (flag, owner) in [("capacity", "add"), ("weight", "add"), ("abandon", "remove")]
        where arguments.has(flag) && verb != owner {
            throw .usage("--\(flag) has a meaning with \(owner) alone")
        }
        if verb == "list" {
            guard words.count <= 1 else { throw .usage("list takes no further word") }
            self = .list
            return
        }
        guard words.count == 2 || (verb == "add" && words.count == 3) else {
            throw .usage(
                verb == "add" ? "add takes a name and an address, host:port" : "\(verb) takes one worker's name")
        }
        let name = try AssignmentArguments.worker(words[1])
        switch verb {
        case "add":
            self = .add(
                name, address: try Self.address(words.count == 3 ? words[2] : words[1]),
                capacity: try invocation.number("capacity", in: 0...PlanError.symbolLimit),
                weight: try invocation.number("weight", in: Worker.weights) ?? 1)
        case "drain": self = .set(.draining, name)
        case "activate": self = .set(.active, name)
        default: self = .remove(name, abandons: arguments.has("abandon"))
        }
    }

    private static func address(_ text: String) throws(CommandFailure) -> String {
        do throws(ValueFault) { return try Address(parsing: text, like: 8089).description } catch {
            throw .usage("the worker's address \(error)")
        }
    }
}
