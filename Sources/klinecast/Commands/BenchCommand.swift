import Configuration

struct BenchCommand: Command {
    static let description = CommandDescription("bench", "…")
    func run(_ invocation: Invocation) throws -> ExitCode { .failed }
}
