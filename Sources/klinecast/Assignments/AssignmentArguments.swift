import Assignment
import Configuration
import Foundation
import Gateway
import MarketData

/// What the commands on assignments take on their command lines.
enum AssignmentArguments {
    /// The largest file that is read.
    private static let fileLimit = 16 << 20

    static let condition = CommandFlag(
        "if-match", value: "VERSION", "Only if the assignments are still at this version, as a plan names it.")
    static let live = CommandFlag("live", short: "l", "Carry it out; without it a plan is shown, and nothing changes.")

    /// Symbols in commas, files whose first column holds them (their names have a `.` or a `/`), `-` for standard input.
    static func symbols(_ words: [String]) throws(CommandFailure) -> [Symbol] {
        var symbols: [Symbol] = []
        var seen: Set<Symbol> = []
        for word in words {
            let isFile = word == "-" || word.contains(".") || word.contains("/")
            for symbol in isFile ? try Self.symbols(inFile: word) : try list(word) where seen.insert(symbol).inserted {
                symbols.append(symbol)
            }
        }
        return symbols
    }

    private static func list(_ word: String) throws(CommandFailure) -> [Symbol] {
        var symbols: [Symbol] = []
        for part in word.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            guard let symbol = Symbol(part) else {
                throw .usage(
                    "symbols: must be \(Symbol.rule) with commas between "
                        + "(got \(Terminal.shown(String(part))))")
            }
            symbols.append(symbol)
        }
        return symbols
    }

    private static func symbols(inFile path: String) throws(CommandFailure) -> [Symbol] {
        // Another system's BTC/USDT looks like a file here.
        if let meant = Symbol(path.filter { !"./".contains($0) }), path == path.uppercased(),
            !FileManager.default.fileExists(atPath: path)
        {
            throw .usage("\(Terminal.plain(path)): no such file, and no symbol; did you mean \(meant)?")
        }
        let (symbols, problems) = AssignmentFile.symbols(in: try text(ofFile: path))
        guard problems.isEmpty else { throw failure(path, problems) }
        guard !symbols.isEmpty else { throw .failed("\(Terminal.plain(path)): holds no symbol") }
        return symbols
    }

    static func text(ofFile path: String) throws(CommandFailure) -> String {
        let handle = path == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: path)
        let shown = path == "-" ? "standard input" : Terminal.plain(path)
        guard let handle else { throw .failed("\(shown): cannot be read: \(unsafe String(cString: strerror(errno)))") }
        var bytes = Data()
        do {
            while bytes.count <= fileLimit, let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty {
                bytes += chunk
            }
        } catch {
            throw .failed("\(shown): cannot be read: \(error.localizedDescription)")
        }
        guard bytes.count <= fileLimit else {
            throw .failed("\(shown): holds more than \(ByteCount.text(fileLimit)); split it")
        }
        guard let text = String(bytes: bytes, encoding: .utf8) else { throw .failed("\(shown): is not UTF-8 text") }
        return text
    }

    /// As a whole or not at all: a file that is there is replaced when the new one is complete.
    static func write(_ text: String, toFile path: String) throws(CommandFailure) {
        do { try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
            let reason =
                ((error as? CocoaError)?.underlying as? POSIXError).map { code in
                    unsafe String(cString: strerror(code.code.rawValue))
                } ?? error.localizedDescription
            throw .failed("\(Terminal.plain(path)): cannot be written: \(reason)")
        }
    }

    /// The first problems of a file, each with its line.
    static func failure(_ path: String, _ problems: [AssignmentFile.Problem]) -> CommandFailure {
        let lines = problems.prefix(10).map { "  \($0)" } + (problems.count > 10 ? ["  …"] : [])
        let count = Terminal.counted(problems.count, "line")
        return .failed("\(Terminal.plain(path)): \(count) cannot be used\n\(lines.joined(separator: "\n"))")
    }

    static func timeframes(_ invocation: Invocation, _ settings: Settings) throws(CommandFailure) -> [Timeframe] {
        guard let text = invocation.arguments.flags["timeframes"] else { return settings.gateway.timeframes }
        var timeframes: [Timeframe] = []
        for word in text.split(separator: ",") {
            timeframes.append(try SeriesArgument.timeframe(word.trimmingCharacters(in: .whitespaces)))
        }
        guard !timeframes.isEmpty else { throw .usage("--timeframes: must name at least one, like 1m,5m") }
        return Placement.canonical(timeframes)
    }

    static func worker(_ text: String) throws(CommandFailure) -> WorkerName {
        guard let name = WorkerName(text) else {
            throw .usage(
                "a worker's name must be 1…\(WorkerName.lengthLimit) of the characters A-Z a-z 0-9 . _ : [ ] - "
                    + "(got \(Terminal.shown(text)))")
        }
        return name
    }

    static func terms(_ invocation: Invocation, isLive: Bool) throws(CommandFailure) -> AssignmentService.Terms {
        var condition: StateTag?
        if let text = invocation.arguments.flags["if-match"] {
            condition = StateTag(text)
            if condition == nil {
                throw .usage(
                    "--if-match: must be a version as plans and lists name it, like 0123456789abcdef-17 "
                        + "(got \(Terminal.shown(text)))")
            }
        }
        return AssignmentService.Terms(isLive: isLive, condition: condition, author: AssignmentAccess.author)
    }
}
