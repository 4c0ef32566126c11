import Configuration

struct UpCommand: Command {
    static let description = CommandDescription("up", "…")
    func run(_ invocation: Invocation) throws -> ExitCode { .failed }
}
