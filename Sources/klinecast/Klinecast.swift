import Configuration
import Glibc
import Telemetry

/// The entry point: finds the command, turns whatever it throws into a sentence and an exit code.
@main
struct Klinecast {
    static func main() {
        // A reader that went away is an error of one write, not the end of a process that serves others.
        signal(SIGPIPE, SIG_IGN)
        openStandardDescriptors()
        let code = run(Array(CommandLine.arguments.dropFirst()))
        Log.flush()
        fflush(nil)
        // Not `exit`: a consumer that did not close in its time still runs on a thread of the library, and the handlers
        // that `exit` calls would take the ground from under it.
        _exit(code.rawValue)
    }

    /// Without this the first file or socket of ours would take the place of a standard descriptor that the caller
    /// closed, and get what is meant for that.
    private static func openStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest number that is free, and the ones below it are open.
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }

    static func run(_ arguments: [String]) -> ExitCode {
        guard let name = arguments.first else { return help([]) }
        switch name {
        case "help", "--help", "-h": return help(Array(arguments.dropFirst()))
        case "--version", "-V": return run(VersionCommand.self, [])
        default: break
        }
        guard let command = CommandTable.command(named: name) else { return unknown(name) }
        return run(command, Array(arguments.dropFirst()))
    }

    private static func run(_ command: any Command.Type, _ arguments: [String]) -> ExitCode {
        do {
            let parsed = try CommandLineArguments(parsing: arguments, for: command.description)
            if parsed.has("help") {
                Terminal.data(SettingsDocuments.help(for: command.description))
                return .done
            }
            return try command.init().run(Invocation(arguments: parsed))
        } catch let error as ConfigurationError {
            for problem in error.problems { Terminal.talk("klinecast \(command.description.name): \(problem)") }
            return .usage
        } catch let failure as CommandFailure {
            Terminal.talk("klinecast \(command.description.name): \(failure)")
            if case .usage = failure {
                Terminal.talk("`klinecast \(command.description.name) --help` shows how to call it")
            }
            return failure.code
        } catch {
            Terminal.talk("klinecast \(command.description.name): \(error)")
            return .failed
        }
    }

    private static func help(_ names: [String]) -> ExitCode {
        guard let name = names.first(where: { !$0.hasPrefix("-") }), name != "help" else {
            Terminal.data(CommandTable.overview)
            return .done
        }
        guard let command = CommandTable.command(named: name) else { return unknown(name) }
        Terminal.data(SettingsDocuments.help(for: command.description))
        return .done
    }

    private static func unknown(_ name: String) -> ExitCode {
        let nearest = Suggestion.nearest(to: name.lowercased(), among: CommandTable.callable)
        let hint = nearest.map { "did you mean `klinecast \($0)`?" } ?? "`klinecast help` lists the commands"
        Terminal.talk("klinecast: unknown command \(Terminal.plain(name)); \(hint)")
        return .usage
    }
}
