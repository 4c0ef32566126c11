import Configuration

struct CheckCommand: Command {
    static let description = CommandDescription("check", "…")
    func run(_ invocation: Invocation) throws -> ExitCode { .failed }
}
