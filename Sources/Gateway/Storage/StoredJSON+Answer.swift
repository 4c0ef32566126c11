import Assignment
import Telemetry

/// Answers that are too long to be kept.
extension StoredJSON {
    /// What can be said of it shortly: the first members of the answer, where there are such, the state's tag, and numbers.
    static func short(_ answer: [UInt8], _ outcome: AssignmentService.Outcome) -> [UInt8] {
        var message: String?
        try? document(answer) { scanner, name throws(JSONScanner.Fault) in
            if name == "message" { message = try scanner.string() } else { try scanner.skip() }
        }
        let plan = outcome.plan
        var writer = JSONWriter(reserving: 512)
        writer.object { writer in
            writer.member("ok", true)
            if let message { writer.member("message", String(message.prefix(1_000))) }
            writer.member("live", true)
            writer.member("stored", outcome.isStored)
            writer.member("shortened", true)
            writer.member("tag", outcome.after.tag.description)
            writer.member(
                "plan",
                object: { writer in
                    writer.member("moves_count", plan.moves.count)
                    writer.member("updates_count", plan.updates.count)
                    writer.member("removed_count", outcome.removed.count)
                    writer.member("unplaced_count", plan.unplaced.count)
                    writer.member("stays_count", plan.stays.count)
                })
        }
        return writer.bytes
    }
}
