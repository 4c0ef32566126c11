import Configuration
import Records
import Redis
import Router
import Telemetry

/// Runs the router's stage that refused once more, for letters in Kafka: publishes the record, or appends it to its stream.
/// The channel's last value stays: the router writes it with the next record.
final class LetterDelivery {
    enum Outcome: CustomStringConvertible {
        case published(receivers: Int64)
        case appended
        case refused(String)
        /// The stage is not the router's.
        case elsewhere

        var description: String {
            switch self {
            case .published(let receivers): "published to \(Terminal.counted(Int(receivers), "subscriber"))"
            case .appended: "appended to the stream"
            case .refused(let sentence): "still refused: \(Terminal.plain(sentence, limit: 200))"
            case .elsewhere: "left: a letter of the persister is replayed from the table, by its id"
            }
        }
    }

    private(set) var delivered = 0
    private(set) var failed = 0
    private(set) var elsewhere = 0
    private let settings: PipelineSettings
    private let client: Client
    private var speller: SingleRecord

    init(_ settings: Settings) throws {
        self.settings = try PipelineSettings(settings)
        speller = SingleRecord(self.settings)
        client = Client(Redis.RedisSettings(settings.redis, clientName: "klinecast-dlq"))
        do { try client.connect() } catch { throw CheckCommand.failure(error) }
    }

    func replay(_ letter: ShownLetter) throws(CommandFailure) -> Outcome {
        let outcome = try outcome(of: letter)
        switch outcome {
        case .published, .appended: delivered += 1
        case .refused: failed += 1
        case .elsewhere: elsewhere += 1
        }
        return outcome
    }

    private func outcome(of letter: ShownLetter) throws(CommandFailure) -> Outcome {
        // Whoever may write to the topic may write headers; a payload names its source topic unescaped.
        guard let stage = DeadLetter.Stage(rawValue: letter.stage), let offset = letter.offset, offset >= 0,
            letter.source.partition >= 0, letter.name.hasPrefix("\(KafkaLetters.topic(of: letter.source.topic))/")
        else { return .refused("its headers don't say which stage refused which record of its topic") }
        if stage == .persist { return .elsewhere }
        let spelling = speller.spell(
            letter.value, from: letter.source, offset: offset, timestamp: letter.timestamp, takenAt: Timestamp.now())
        switch spelling {
        case .refused(let reason):
            let detail = reason.sentence(bytes: letter.value?.count ?? 0, limit: settings.limits.messageBytes)
            return .refused("\(reason.rawValue): \(detail)")
        case .payload(let payload, let route):
            do throws(RedisError) {
                return try deliver(payload, route, stage, letter.source, offset)
            } catch .refused(_, .message, let words) {
                return .refused("\(RefusalReason.refusedByRedis.rawValue): \(words)")
            } catch {
                throw CheckCommand.failure(error)
            }
        }
    }

    /// In the router's order: first the stream. A record that was refused before Redis goes wherever the router would have
    /// brought it; a stream that has gone past it, or holds it by now, keeps it from no subscriber.
    private func deliver(
        _ payload: [UInt8], _ route: Route, _ stage: DeadLetter.Stage, _ source: SourcePartition, _ offset: Int64
    ) throws(RedisError) -> Outcome {
        var outcome = Outcome.refused("SINKS has nothing that this letter could go to")
        if stage == .stream || stage == .route && settings.sinks.contains(.stream) {
            outcome = try append(payload, source, offset)
        }
        if stage == .publish || stage == .route && settings.sinks.contains(.publish) {
            var receivers: Int64 = 0
            for channel in route.channels {
                let command = settings.sharded ? "SPUBLISH" : "PUBLISH"
                receivers += try client.command([Array(command.utf8), Array(channel.utf8), payload]).integer ?? 0
            }
            outcome = .published(receivers: receivers)
        }
        return outcome
    }

    /// Entries of a stream only ascend: behind a later one there is no place.
    private func append(
        _ payload: [UInt8], _ source: SourcePartition, _ offset: Int64
    ) throws(RedisError) -> Outcome {
        let key = Sinks.streamKey(prefix: settings.routes.prefix, source: source)
        let newest = try client.command(["XREVRANGE", key, "+", "-", "COUNT", "1"])
        let identifier = newest.elements?.first?.elements?.first?.string
        let head = identifier.flatMap { StreamHead($0) }
        if let identifier, head.map({ $0.offset >= offset }) ?? true {
            return .refused("\(RefusalReason.behindStream.rawValue): the stream has come to \(identifier)")
        }
        let trim = settings.streamMaximum > 0 ? ["MAXLEN", "~", "\(settings.streamMaximum)"] : []
        let words = ["XADD", key] + trim + ["\(head?.generation ?? 1)-\(offset)", "payload"]
        try client.command(words.map { Array($0.utf8) } + [payload])
        return .appended
    }

    var summary: String {
        if delivered + failed + elsewhere == 0 { return "no dead letters to replay" }
        var parts = ["\(Terminal.grouped(delivered)) delivered"]
        if failed > 0 { parts.append("\(Terminal.grouped(failed)) still refused") }
        if elsewhere > 0 { parts.append("\(Terminal.grouped(elsewhere)) of the persister left") }
        return parts.joined(separator: ", ") + "; the topic keeps them all: another replay delivers them again"
    }
}
