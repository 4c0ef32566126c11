/// One thing that `check` looked at.
struct Finding: Sendable, Equatable {
    enum Outcome: String, Sendable {
        case fine = "ok"
        case wrong
        case notAuthorised = "not_authorised"
    }

    let subject: String
    let outcome: Outcome
    /// What was found; where it is wrong, also what to do.
    let sentence: String

    init(_ subject: String, _ outcome: Outcome, _ sentence: String) {
        self.subject = subject
        self.outcome = outcome
        self.sentence = sentence
    }

    var line: String {
        let mark = outcome == .fine ? "ok   " : "WRONG"
        return "\(mark)  \(subject): \(sentence)\n"
    }
}
