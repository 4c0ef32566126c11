import Configuration

struct TailCommand: Command {
    static let description = CommandDescription("tail", "…")
    func run(_ invocation: Invocation) throws -> ExitCode { .failed }
}
