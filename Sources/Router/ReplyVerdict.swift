/// What a reply means for the command it answers.
enum ReplyVerdict: Equatable {
    /// Done.
    case accepted
    /// The stream held it already: done, and counted.
    case duplicate
    /// This record can't be delivered: a dead letter.
    case refused
    /// This last value can't be kept; the record itself is not touched.
    case lastRefused
    /// This last value is written later, when Redis has memory.
    case lastDeferred
    /// The connection ends here; after a pause this command is sent again, alone first.
    case again
    /// The reply does not fit the command: order is lost, and the connection with it.
    case outOfStep

    /// Decides by the command, the kind of reply and, for an error, its class. `wasDeferred`: Redis was out of
    /// memory for this very command before.
    static func on(_ command: Batch.Command, _ kind: SinkReply.Kind, refusal: SinkRefusal?, wasDeferred: Bool) -> Self {
        if let refusal { return on(command, refusal, wasDeferred: wasDeferred) }
        switch (command, kind) {
        case (.publish, .integer), (.set, .status), (.append, .text), (.streamHead, .array), (.streamHead, .null):
            return .accepted
        case (.publish, _), (.set, _), (.append, _), (.streamHead, _): return .outOfStep
        }
    }

    private static func on(_ command: Batch.Command, _ refusal: SinkRefusal, wasDeferred: Bool) -> Self {
        switch (refusal, command) {
        case (.outOfMemory, .set): return .lastDeferred
        case (.transient, _), (.outOfMemory, _), (.global, _): return .again
        // After Redis ran out of memory for this very id, "equal or smaller" says that later records got past it.
        case (.duplicate, .append): return wasDeferred ? .refused : .duplicate
        case (.command, .set): return .lastRefused
        case (.command, .publish), (.command, .append), (.command, .streamHead), (.duplicate, _): return .refused
        }
    }
}
