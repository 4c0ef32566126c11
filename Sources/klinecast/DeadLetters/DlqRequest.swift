import Configuration
import Persister
import Router

/// What `dlq` was asked to do.
enum DlqRequest: Equatable {
    /// Which letters; an empty one means all.
    struct Filter: Equatable {
        var topic: String?
        var reason: String?
    }
    case list(Filter, includesReplayed: Bool, limit: Int)
    case listKafka(Filter, limit: Int)
    case show(id: Int64)
    case showKafka(KafkaLetters.Place)
    case replay(ids: [Int64])
    case replayAll(Filter)
    /// Letters of the router, in Kafka.
    case deliver([KafkaLetters.Place])
    /// All of a topic.
    case deliverAll(Filter)
    case purge(ids: [Int64])
    case purgeAll(Filter)

    enum Verb: String, CaseIterable { case list, show, replay, purge }

    static let standardLimit = 100

    init(_ invocation: Invocation) throws(CommandFailure) {
        var words = invocation.arguments.positional[...]
        guard let word = words.popFirst() else { throw .usage("say what to do: list, show, replay or purge") }
        guard let verb = Verb(rawValue: word) else {
            let nearest = Suggestion.nearest(to: word.lowercased(), among: Verb.allCases.map(\.rawValue))
            let hint = nearest.map { "did you mean \($0)?" } ?? "it is list, show, replay or purge"
            throw .usage("\(Terminal.plain(word)): \(hint)")
        }
        try Self.expect(Self.flags(of: verb), in: invocation, verb)
        let flags = invocation.arguments.flags
        let inKafka = flags["kafka"] != nil
        let filter = Filter(topic: flags["topic"], reason: try Self.reason(flags["reason"], inKafka: inKafka))
        switch verb {
        case .list:
            if let extra = words.first { throw .usage("list takes no argument (got \(Terminal.shown(extra)))") }
            let limit = try invocation.number("limit", in: 1...1_000_000) ?? Self.standardLimit
            if inKafka, flags["replayed"] != nil {
                throw .usage("--replayed has no meaning with --kafka: a topic keeps no note of it")
            }
            self =
                inKafka
                ? .listKafka(filter, limit: limit)
                : .list(filter, includesReplayed: flags["replayed"] != nil, limit: limit)
        case .show:
            guard words.count == 1, let word = words.first else {
                throw .usage("show takes one letter, as `klinecast dlq list` names it")
            }
            guard inKafka || word.contains("/") else {
                self = .show(id: try Self.identifier(word))
                return
            }
            self = .showKafka(try Self.place(word))
        case .replay where inKafka || words.contains { $0.contains("/") }:
            let places = try words.map { word throws(CommandFailure) in try Self.place(word) }
            if places.isEmpty {
                guard flags["all"] == nil, filter.topic != nil else {
                    throw .usage("replay --kafka takes the letters of one topic, --topic, or TOPIC/PARTITION/OFFSET")
                }
                self = .deliverAll(filter)
            } else {
                guard filter == Filter(), flags["all"] == nil else {
                    throw .usage("give places of letters, or --topic and --reason, not both")
                }
                self = .deliver(places)
            }
        case .replay, .purge:
            let ids = try words.map { word throws(CommandFailure) in try Self.identifier(word) }
            if !ids.isEmpty {
                guard filter == Filter(), flags["all"] == nil else {
                    throw .usage("give ids, or --all, --topic and --reason, not both")
                }
                self = verb == .replay ? .replay(ids: ids) : .purge(ids: ids)
                return
            }
            if verb == .replay {
                guard flags["all"] != nil || filter != Filter() else {
                    throw .usage("name the letters by id, or give --all, --topic or --reason")
                }
                self = .replayAll(filter)
            } else {
                self = .purgeAll(filter)
            }
        }
    }

    private static func flags(of verb: Verb) -> Set<String> {
        switch verb {
        case .list: ["topic", "reason", "replayed", "limit", "kafka", "json"]
        case .show: ["kafka", "json"]
        case .replay: ["topic", "reason", "all", "kafka", "json"]
        case .purge: ["topic", "reason", "all", "yes", "json"]
        }
    }

    private static func expect(_ known: Set<String>, in invocation: Invocation, _ verb: Verb) throws(CommandFailure) {
        let extra = invocation.arguments.flags.keys.filter { !known.contains($0) && $0 != "config" }.sorted()
        guard let flag = extra.first else { return }
        if flag == "kafka" {
            throw .usage(
                "\(verb.rawValue) works on the table alone; a topic's letters go with its records: kafka-delete-records.sh"
            )
        }
        throw .usage("--\(flag) has no meaning with \(verb.rawValue)")
    }

    /// A word that no letter can have would look as if there were none.
    private static func reason(_ word: String?, inKafka: Bool) throws(CommandFailure) -> String? {
        guard let word else { return nil }
        var known = PersistRefusal.allCases.map(\.rawValue)
        // The table has the persister's letters alone.
        if inKafka { known += RefusalReason.allCases.map(\.rawValue).filter { !known.contains($0) } }
        if known.contains(word) { return word }
        let hint = Suggestion.nearest(to: word.lowercased(), among: known).map { "; did you mean \($0)?" } ?? ""
        throw .usage("--reason: must be \(known.joined(separator: ", ")) (got \(Terminal.shown(word)))\(hint)")
    }

    private static func place(_ word: String) throws(CommandFailure) -> KafkaLetters.Place {
        guard let place = KafkaLetters.Place(word) else {
            throw .usage("\(Terminal.plain(word)) is no place of a letter in Kafka: write TOPIC/PARTITION/OFFSET")
        }
        return place
    }

    private static func identifier(_ word: String) throws(CommandFailure) -> Int64 {
        guard let id = Int64(word), id > 0 else {
            throw .usage("\(Terminal.plain(word)) is no id of a dead letter: `klinecast dlq list` shows them")
        }
        return id
    }
}
