import Foundation
import TestRigs

/// Reads a database with a program that shares no code with the writer: python's sqlite3 module, or psql. One thread at
/// a time.
final class PersisterReader {
    private enum Way {
        case python(Python)
        case psql(url: String)
    }
    private let way: Way

    /// A file of SQLite; it is opened anew for each question, so it may come, go and be replaced.
    ///
    /// - Parameter prefix: a program that becomes the reader, where the file is not for everybody to see.
    init(sqlite path: String, prefix: [String] = []) throws { way = .python(try Python(path, prefix)) }
    init(postgres url: String) { way = .psql(url: url) }

    /// The rows of one statement: numbers as the reader spells them (python a real with the fewest digits that tell it,
    /// psql a numeric with its scale), bytes as hexadecimal digits in capitals.
    func rows(_ statement: String) throws -> [[String?]] {
        switch way {
        case .python(let python): try python.rows(statement)
        case .psql(let url): try Self.psql(url, statement)
        }
    }

    private static let field = "\u{1f}"
    private static let record = "\u{1e}"
    private static let null = "\u{1a}"

    /// The program itself: the name in PATH is Debian's wrapper, which takes longer than the question.
    static let psql = PostgresPrograms.folder.map { "\($0)/psql" } ?? "psql"

    private static func psql(_ url: String, _ statement: String) throws -> [[String?]] {
        // TIMEZONE and the rest of a user's own settings stay out of it.
        let child = try ChildProcess(
            psql,
            [
                "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-P", "null=\(null)", "-F", field, "-R", record, "-d", url,
                "-c", statement,
            ], environment: ["PGCONNECT_TIMEOUT": "5"])
        let code = child.waitForExit()
        var text = child.text
        guard code == 0 else { throw NeverHappened(description: "psql \(statement): \(text)") }
        if text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else { return [] }
        return text.components(separatedBy: record).map { line in
            line.components(separatedBy: field).map { $0 == null ? nil : $0 }
        }
    }

    /// One python that answers questions, a line of JSON each, until its input ends.
    private final class Python {
        private static let program = """
            import json, sqlite3, sys
            def cell(value):
                if value is None: return None
                if isinstance(value, bytes): return value.hex().upper()
                return repr(value) if isinstance(value, float) else str(value)
            for line in sys.stdin:
                try:
                    database = sqlite3.connect(sys.argv[1], timeout=10)
                    rows = [[cell(value) for value in row] for row in database.execute(json.loads(line))]
                    answer = {"rows": rows}
                    database.commit()
                    database.close()
                except Exception as error:
                    answer = {"error": str(error)}
                print(json.dumps(answer), flush=True)
            """
        private let process: ChildProcess
        private let input = Pipe()
        private let output = Pipe()

        init(_ path: String, _ prefix: [String]) throws {
            let words = prefix + ["python3", "-S", "-c", Self.program, path]
            process = try ChildProcess(
                words[0], Array(words.dropFirst()), input: input.fileHandleForReading,
                output: output.fileHandleForWriting)
            // The child's ends are the child's alone, or neither side would see the other's end.
            try input.fileHandleForReading.close()
            try output.fileHandleForWriting.close()
        }

        /// The end of its input is the end of it.
        deinit {
            try? input.fileHandleForWriting.close()
            process.waitForExit()
        }

        func rows(_ statement: String) throws -> [[String?]] {
            let question = try JSONSerialization.data(withJSONObject: statement, options: .fragmentsAllowed)
            try input.fileHandleForWriting.write(contentsOf: question + [10])
            var answer = Data()
            while answer.last != 10 {
                let more = output.fileHandleForReading.availableData
                guard !more.isEmpty else { throw NeverHappened(description: "python answers: \(statement)") }
                answer += more
            }
            let json = try JSONSerialization.jsonObject(with: answer) as? [String: Any]
            guard let rows = json?["rows"] as? [[Any]] else {
                throw NeverHappened(description: "\(statement): \(json?["error"] ?? "no answer")")
            }
            return rows.map { $0.map { $0 as? String } }
        }
    }
}
