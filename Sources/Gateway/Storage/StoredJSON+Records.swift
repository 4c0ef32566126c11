import Assignment
import MarketData
import Telemetry

/// History and progress.
extension StoredJSON {
    /// The members of a history entry behind those that the script knows, without braces.
    static func bytes(steps: [HistoryEntry.Step], workers: [String]) -> [UInt8] {
        var writer = JSONWriter(reserving: 64 + steps.count * 80)
        writer.object { writer in
            writer.member(
                "steps",
                array: { writer in
                    for step in steps {
                        writer.object { writer in
                            writer.member("symbol", step.symbol)
                            writer.member("from", step.from)
                            writer.member("to", step.to)
                        }
                    }
                })
            writer.member("workers", workers)
        }
        return Array(writer.bytes.dropFirst())
    }

    static func historyEntry(_ bytes: [UInt8]) throws(JSONScanner.Fault) -> HistoryEntry {
        var version: Int64?
        var at: Int64 = 0
        var author = ""
        var action: HistoryEntry.Action?
        var steps: [HistoryEntry.Step] = []
        var workers: [String] = []
        try document(bytes) { scanner, name throws(JSONScanner.Fault) in
            switch name {
            case "version": version = try scanner.integer()
            case "at": at = try scanner.integer()
            case "author": author = try scanner.string()
            case "action": action = try known(&scanner, "an action") { HistoryEntry.Action(rawValue: $0) }
            case "steps":
                try scanner.array { scanner throws(JSONScanner.Fault) in steps.append(try step(&scanner)) }
            case "workers":
                try scanner.array { scanner throws(JSONScanner.Fault) in workers.append(try scanner.string()) }
            default: try scanner.skip()
            }
        }
        guard let version, let action else {
            throw JSONScanner.Fault(expected: "version and action", offset: bytes.count)
        }
        return HistoryEntry(version: version, at: at, author: author, action: action, steps: steps, workers: workers)
    }

    private static func step(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> HistoryEntry.Step {
        var symbol = ""
        var from: String?
        var to: String?
        try scanner.object { scanner, name throws(JSONScanner.Fault) in
            switch name {
            case "symbol": symbol = try scanner.string()
            case "from": from = try scanner.optional { scanner throws(JSONScanner.Fault) in try scanner.string() }
            case "to": to = try scanner.optional { scanner throws(JSONScanner.Fault) in try scanner.string() }
            default: try scanner.skip()
            }
        }
        return HistoryEntry.Step(symbol: symbol, from: from, to: to)
    }

    /// Up to the time, which a script puts behind it with the closing brace.
    static func bytesToBeStamped(_ progress: Progress) -> [UInt8] {
        var writer = JSONWriter(reserving: 128 + progress.pending.count * 128)
        writer.object { writer in
            writer.member("tag", progress.tag.description)
            writer.member(
                "pending",
                array: { writer in
                    for pending in progress.pending {
                        writer.object { writer in
                            writer.member("symbol", pending.symbol.name)
                            writer.member("worker", pending.worker.text)
                            writer.member("verb", pending.verb.rawValue)
                            writer.member("attempts", pending.attempts)
                            writer.member("error", pending.error)
                        }
                    }
                })
            writer.member("at", 0)
        }
        return writer.bytes.dropLast(2)
    }

    static func progress(_ bytes: [UInt8]) throws(JSONScanner.Fault) -> Progress {
        var tag: StateTag?
        var pending: [Reconciler.Pending] = []
        var at: Int64 = 0
        try document(bytes) { scanner, name throws(JSONScanner.Fault) in
            switch name {
            case "tag": tag = try known(&scanner, "a tag") { StateTag($0) }
            case "pending":
                try scanner.array { scanner throws(JSONScanner.Fault) in pending.append(try self.pending(&scanner)) }
            case "at": at = try scanner.integer()
            default: try scanner.skip()
            }
        }
        guard let tag else { throw JSONScanner.Fault(expected: "tag", offset: bytes.count) }
        return Progress(tag: tag, pending: pending, at: at)
    }

    private static func pending(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> Reconciler.Pending {
        var symbol: Symbol?
        var worker: WorkerName?
        var verb: Reconciler.Verb?
        var attempts = 0
        var error: String?
        try scanner.object { scanner, name throws(JSONScanner.Fault) in
            switch name {
            case "symbol": symbol = try known(&scanner, "a symbol") { Symbol($0) }
            case "worker": worker = try known(&scanner, "a worker's name") { WorkerName($0) }
            case "verb": verb = try known(&scanner, "subscribe or unsubscribe") { Reconciler.Verb(rawValue: $0) }
            case "attempts": attempts = try number(&scanner, 0...Int.max, "attempts")
            case "error": error = try scanner.optional { scanner throws(JSONScanner.Fault) in try scanner.string() }
            default: try scanner.skip()
            }
        }
        guard let symbol, let worker, let verb else { throw scanner.fault("symbol, worker and verb") }
        return Reconciler.Pending(symbol: symbol, worker: worker, verb: verb, attempts: attempts, error: error)
    }
}
