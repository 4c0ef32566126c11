import Configuration
import Persister
import Records
import Storage
import Telemetry

/// Runs the stage `persist` once more for letters of the table: decodes the bytes again and writes the row as the persister
/// would, without moving any position. A row newer than the letter's stays as it is.
struct LetterReplay {
    enum Outcome: CustomStringConvertible {
        case written
        /// The table has this row, or a newer one.
        case unchanged
        case refused(String)

        var description: String {
            switch self {
            case .written: "written"
            case .unchanged: "nothing to change: the table has it, or a newer one"
            case .refused(let sentence): "still refused: \(Terminal.plain(sentence, limit: 200))"
            }
        }
    }

    private(set) var written = 0
    private(set) var unchanged = 0
    private(set) var failed = 0
    private let archive: any Archive
    private let decoder: LetterDecoder

    init(_ archive: any Archive, _ settings: Settings) {
        self.archive = archive
        decoder = LetterDecoder(messageLimit: settings.persister.messageMaximumBytes)
    }

    /// Writes one letter and notes what came of it. The row and the note are two transactions: after a kill in between, the
    /// next replay finds nothing to change.
    mutating func replay(_ letter: StoredDeadLetter) throws(CommandFailure) -> Outcome {
        let outcome = try outcome(of: letter)
        var succeeded = true
        switch outcome {
        case .written: written += 1
        case .unchanged: unchanged += 1
        case .refused:
            failed += 1
            succeeded = false
        }
        try ArchiveAccess.answer { () throws(StoreError) in
            try archive.noteReplay(of: letter.id, succeeded: succeeded)
        }
        return outcome
    }

    private func outcome(of letter: StoredDeadLetter) throws(CommandFailure) -> Outcome {
        if let refusal = decoder.decode(letter) { return .refused("\(refusal.reason): \(refusal.detail)") }
        do throws(StoreError) {
            let report = try archive.replay(decoder.batch)
            return report.candlesInserted + report.candlesUpdated + report.tradesInserted > 0 ? .written : .unchanged
        } catch .refused(let rows) {
            return .refused("\(PersistRefusal.refusedByDatabase.rawValue): \(rows.first?.sentence ?? "")")
        } catch {
            throw ArchiveAccess.failure(error)
        }
    }

    var summary: String {
        var parts = ["\(Terminal.grouped(written)) written"]
        if unchanged > 0 { parts.append("\(Terminal.grouped(unchanged)) had nothing to change") }
        if failed > 0 { parts.append("\(Terminal.grouped(failed)) still refused, kept") }
        if written + unchanged + failed == 0 { return "no dead letters to replay" }
        return parts.joined(separator: ", ")
    }
}
