import Gateway
import Telemetry

/// Past changes, the newest first.
enum HistoryTable {
    static func show(_ storage: any AssignmentStorage, limit: Int, isJSON: Bool) throws(CommandFailure) {
        let entries = try AssignmentAccess.stored { () throws(StorageError) in try storage.history(limit: limit) }
        if isJSON {
            Terminal.data(json(entries))
            return
        }
        var table = TextTable([
            .number("version"), .text("when"), .text("who"), .text("action"), .text("what"),
        ])
        for entry in entries {
            table.add([
                "\(entry.version)", TimeArgument.text(entry.at / 1_000 * 1_000), Terminal.plain(entry.author),
                entry.action.rawValue, what(entry),
            ])
        }
        table.finish()
        if entries.isEmpty { Terminal.talk("nothing was changed yet") }
    }

    /// The first steps in words, and how many more.
    private static func what(_ entry: HistoryEntry) -> String {
        let steps = entry.steps.prefix(3).map { step in
            "\(step.symbol.uppercased()) \(step.from ?? "nobody") → \(step.to ?? "nobody")"
        }
        let rest = entry.steps.count - steps.count
        let words = entry.workers.prefix(3) + steps + (rest > 0 ? ["\(Terminal.grouped(rest)) more"] : [])
        return Terminal.plain(words.joined(separator: ", "), limit: 200)
    }

    private static func json(_ entries: [HistoryEntry]) -> JSONWriter {
        var json = JSONWriter(reserving: 4_096)
        json.array { json in
            for entry in entries {
                json.object { json in
                    json.member("version", entry.version)
                    json.member("at", entry.at)
                    json.member("author", entry.author)
                    json.member("action", entry.action.rawValue)
                    json.member(
                        "steps",
                        array: { json in
                            for step in entry.steps {
                                json.object { json in
                                    json.member("symbol", step.symbol.uppercased())
                                    json.member("from", step.from)
                                    json.member("to", step.to)
                                }
                            }
                        })
                    json.member("workers", entry.workers)
                }
            }
        }
        return json
    }
}
