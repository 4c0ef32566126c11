import Testing

@testable import Router

@Suite struct ReplyVerdictTests {
    /// The table of ARCHITECTURE.md, "What a reply means".
    @Test(arguments: [
        (Batch.Command.publish, SinkReply.Kind.integer, ReplyVerdict.accepted), (.set, .status, .accepted),
        (.append, .text, .accepted), (.streamHead, .array, .accepted), (.streamHead, .null, .accepted),
        (.publish, .status, .outOfStep), (.publish, .text, .outOfStep), (.publish, .array, .outOfStep),
        (.publish, .null, .outOfStep), (.set, .integer, .outOfStep), (.set, .text, .outOfStep),
        (.set, .null, .outOfStep),
        (.append, .integer, .outOfStep), (.append, .status, .outOfStep), (.append, .array, .outOfStep),
        (.streamHead, .integer, .outOfStep), (.streamHead, .text, .outOfStep),
    ]) func plainReplyFitsItsCommandOrEndsTheConnection(
        command: Batch.Command, kind: SinkReply.Kind, verdict: ReplyVerdict
    ) {
        #expect(ReplyVerdict.on(command, kind, refusal: nil, wasDeferred: false) == verdict)
    }

    @Test(arguments: [
        (SinkRefusal.transient, Batch.Command.publish, false, ReplyVerdict.again), (.transient, .set, false, .again),
        (.transient, .append, false, .again), (.global, .publish, false, .again), (.global, .set, false, .again),
        (.outOfMemory, .publish, false, .again), (.outOfMemory, .append, false, .again),
        (.outOfMemory, .set, false, .lastDeferred), (.command, .publish, false, .refused),
        (.command, .append, false, .refused), (.command, .set, false, .lastRefused),
        (.duplicate, .append, false, .duplicate),
        (.duplicate, .append, true, .refused), (.duplicate, .publish, false, .refused),
    ]) func errorMeansWhatTheTableSays(
        refusal: SinkRefusal, command: Batch.Command, wasDeferred: Bool, verdict: ReplyVerdict
    ) {
        #expect(ReplyVerdict.on(command, .error, refusal: refusal, wasDeferred: wasDeferred) == verdict)
    }
}
