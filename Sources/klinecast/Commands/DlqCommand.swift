import Configuration
import Foundation
import Persister
import Records
import Storage
import Telemetry

/// The records that nobody could use: look at them, write or deliver them after all, forget them.
struct DlqCommand: Command {
    static let description = CommandDescription(
        "dlq", "Look at dead letters, write or deliver them after all, or remove them.",
        arguments: "list | show LETTER | replay LETTER… | replay --all | purge [ID…]",
        flags: [
            CommandFlag("topic", value: "TOPIC", "Only letters of this source topic."),
            CommandFlag("reason", value: "WORD", "Only letters given up for this reason, such as missing_price."),
            CommandFlag("all", "replay: every letter that was not replayed yet."),
            CommandFlag("replayed", "list: those already replayed too."),
            CommandFlag("limit", value: "N", "list: at most so many; 100 unless told."),
            CommandFlag(
                "kafka",
                "The letters of every stage, in the topics <topic>.dlq; replay delivers the router's again, of one --topic."
            ),
            CommandFlag("yes", "purge: do not ask. Needed where nobody can answer."),
            CommandFlag("json", "list: an array; show: an object; replay, purge: an object with numbers."),
        ],
        sections: ["database", "kafka", "redis", "router", "process", "log"],
        examples: [
            "klinecast dlq list --reason missing_price", "klinecast dlq show 7",
            "klinecast dlq replay --all --topic market.data.btcusdt.1m",
            "klinecast dlq list --kafka --topic market.data.btcusdt.1m",
            "klinecast dlq show market.data.btcusdt.1m.dlq/0/12",
            "klinecast dlq replay --kafka --topic orders --reason refused_by_redis",
            "klinecast dlq purge --reason null_value --yes",
        ])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let request = try DlqRequest(invocation)
        let settings = try invocation.settings(isQuiet: true)
        let isJSON = invocation.arguments.has("json")
        switch request {
        case .listKafka(let filter, let limit):
            return try Self.listKafka(filter, limit, KafkaLetters(settings.kafka), isJSON)
        case .showKafka(let place):
            Self.show(try Self.letter(place, KafkaLetters(settings.kafka)), isJSON)
            return .done
        case .deliver(let places):
            let kafka = try KafkaLetters(settings.kafka)
            // All of them, before the first is delivered.
            let letters = try places.map { try Self.letter($0, kafka) }
            return try Self.deliver(settings, isJSON) { deliver in
                for letter in letters { guard deliver(letter) else { break } }
            }
        case .deliverAll(let filter):
            let kafka = try KafkaLetters(settings.kafka)
            return try Self.deliver(settings, isJSON) { deliver in
                try kafka.read(topic: filter.topic) { letter in
                    filter.reason == nil || filter.reason == letter.reason ? deliver(letter) : true
                }
            }
        case .list, .show, .replay, .replayAll, .purge, .purgeAll: break
        }
        let archive = try ArchiveAccess.open(settings.database)
        defer { archive.close() }
        switch request {
        case .list(let filter, let includesReplayed, let limit):
            return try Self.list(Self.rows(filter, includesReplayed), limit, archive, isJSON)
        case .show(let id):
            Self.show(ShownLetter(try Self.letter(id, archive)), isJSON)
            return .done
        case .replay(let ids):
            var letters = try ids.map { try Self.letter($0, archive) }
            return try Self.replay(settings, archive, isJSON) {
                defer { letters = [] }
                return letters
            }
        case .replayAll(let filter):
            var rows = Self.rows(filter, false)
            rows.limit = Self.pageOfLetters
            return try Self.replay(settings, archive, isJSON) {
                let page = try ArchiveAccess.answer { () throws(StoreError) in try archive.deadLetters(rows) }
                rows.after = page.last?.id
                return page
            }
        case .purge(let ids):
            return try Self.purge(
                ids.map(Self.row), Terminal.counted(ids.count, "letter"), settings, archive, invocation)
        case .purgeAll(let filter):
            return try Self.purge(
                [Self.rows(filter, true)], "every letter\(Self.words(filter))", settings, archive, invocation)
        case .listKafka, .showKafka, .deliver, .deliverAll: return .done
        }
    }

    /// Letters held at once; each may have megabytes.
    private static let pageOfLetters = 200

    // MARK: Looking

    private static func list(
        _ filter: DeadLetterFilter, _ limit: Int, _ archive: any Archive, _ isJSON: Bool
    ) throws -> ExitCode {
        var filter = filter
        filter.limit = limit + 1
        let found = try ArchiveAccess.answer { () throws(StoreError) in try archive.deadLetters(filter) }
        list(found.prefix(limit).map(ShownLetter.init), hasMore: found.count > limit, isJSON)
        return .done
    }

    private static func listKafka(
        _ filter: DlqRequest.Filter, _ limit: Int, _ kafka: KafkaLetters, _ isJSON: Bool
    ) throws -> ExitCode {
        var found: [ShownLetter] = []
        try kafka.read(topic: filter.topic) { letter in
            if filter.reason == nil || filter.reason == letter.reason { found.append(letter) }
            return found.count <= limit
        }
        list(Array(found.prefix(limit)), hasMore: found.count > limit, isJSON)
        return .done
    }

    private static func list(_ letters: [ShownLetter], hasMore: Bool, _ isJSON: Bool) {
        if isJSON {
            var json = JSONWriter()
            json.array { json in for letter in letters { letter.write(&json) } }
            Terminal.data(json)
        } else {
            var table = TextTable(ShownLetter.columns)
            for letter in letters { table.add(letter.cells) }
            table.finish()
        }
        if hasMore {
            Terminal.talk("the first \(letters.count) letters; --limit shows more, --topic and --reason choose")
        } else if letters.isEmpty {
            Terminal.talk("no dead letters")
        } else if !isJSON {
            Terminal.talk(
                "\(Terminal.counted(letters.count, "letter")); `klinecast dlq show \(letters[0].name)` shows one")
        }
    }

    private static func show(_ letter: ShownLetter, _ isJSON: Bool) {
        guard isJSON else {
            Terminal.data(letter.sheet)
            return
        }
        var json = JSONWriter()
        letter.write(&json)
        Terminal.data(json)
    }

    // MARK: Changing

    private static func replay(
        _ settings: Settings, _ archive: any Archive, _ isJSON: Bool, nextPage: () throws -> [StoredDeadLetter]
    ) throws -> ExitCode {
        var replay = LetterReplay(archive, settings)
        while case let letters = try nextPage(), !letters.isEmpty {
            for letter in letters {
                let outcome = try replay.replay(letter)
                if !isJSON { Terminal.data("\(letter.id)  \(Terminal.plain(letter.source.topic))  \(outcome)\n") }
            }
        }
        tell(
            [("written", replay.written), ("unchanged", replay.unchanged), ("failed", replay.failed)], replay.summary,
            isJSON)
        return replay.failed > 0 ? .degraded : .done
    }

    /// - Parameter each: hands letters over one by one, as long as it is answered true.
    private static func deliver(
        _ settings: Settings, _ isJSON: Bool, each: ((ShownLetter) -> Bool) throws -> Void
    ) throws -> ExitCode {
        let delivery = try LetterDelivery(settings)
        var failure: CommandFailure?
        try each { letter in
            do throws(CommandFailure) {
                let outcome = try delivery.replay(letter)
                if !isJSON { Terminal.data("\(letter.name)  \(outcome)\n") }
            } catch {
                failure = error
            }
            return failure == nil
        }
        tell(
            [("delivered", delivery.delivered), ("failed", delivery.failed), ("elsewhere", delivery.elsewhere)],
            delivery.summary, isJSON)
        if let failure { throw failure }
        return delivery.failed > 0 ? .degraded : .done
    }

    private static func tell(_ numbers: [(name: String, value: Int)], _ summary: String, _ isJSON: Bool) {
        if isJSON {
            var json = JSONWriter()
            json.object { json in for number in numbers { json.member(number.name, number.value) } }
            Terminal.data(json)
        }
        Terminal.talk(summary)
    }

    private static func purge(
        _ filters: [DeadLetterFilter], _ what: String, _ settings: Settings, _ archive: any Archive,
        _ invocation: Invocation
    ) throws -> ExitCode {
        guard try isAllowed("Remove \(what) from \(settings.database.url)? The bytes are gone then.", invocation) else {
            Terminal.talk("nothing removed")
            return .failed
        }
        var removed = 0
        for filter in filters {
            removed += try ArchiveAccess.answer { () throws(StoreError) in try archive.removeDeadLetters(filter) }
        }
        if invocation.arguments.has("json") {
            var json = JSONWriter()
            json.object { $0.member("removed", removed) }
            Terminal.data(json)
        } else {
            Terminal.data("\(Terminal.counted(removed, "dead letter")) removed\n")
        }
        return .done
    }

    /// Asks who sits at the terminal; elsewhere `--yes` must have said so.
    private static func isAllowed(_ question: String, _ invocation: Invocation) throws(CommandFailure) -> Bool {
        if invocation.arguments.has("yes") { return true }
        guard isatty(STDIN_FILENO) == 1, Terminal.isWatched else {
            throw .usage("purge asks first, and nobody can answer here: give --yes")
        }
        Terminal.talk("\(question) [y/N]")
        let answer = (readLine() ?? "").trimmingCharacters(in: .whitespaces).lowercased()
        return answer == "y" || answer == "yes"
    }

    // MARK: Choosing

    private static func rows(_ filter: DlqRequest.Filter, _ includesReplayed: Bool) -> DeadLetterFilter {
        var rows = DeadLetterFilter()
        rows.topic = filter.topic
        rows.reason = filter.reason
        rows.includesReplayed = includesReplayed
        return rows
    }

    private static func row(_ id: Int64) -> DeadLetterFilter {
        var row = DeadLetterFilter()
        row.id = id
        row.includesReplayed = true
        return row
    }

    private static func letter(_ id: Int64, _ archive: any Archive) throws(CommandFailure) -> StoredDeadLetter {
        let found = try ArchiveAccess.answer { () throws(StoreError) in try archive.deadLetters(row(id)) }
        guard let letter = found.first else {
            throw .failed("there is no dead letter \(id); `klinecast dlq list --replayed` shows all")
        }
        return letter
    }

    private static func letter(_ place: KafkaLetters.Place, _ kafka: KafkaLetters) throws -> ShownLetter {
        guard let letter = try kafka.letter(at: place) else {
            throw CommandFailure.failed(
                "\(place.topic) has no record at partition \(place.partition), offset \(place.offset)")
        }
        return letter
    }

    private static func words(_ filter: DlqRequest.Filter) -> String {
        (filter.topic.map { " of topic \(Terminal.plain($0))" } ?? "")
            + (filter.reason.map { " with reason \(Terminal.plain($0))" } ?? "")
    }
}
