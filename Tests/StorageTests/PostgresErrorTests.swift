import Persister
import Postgres
import Testing

@testable import Storage

/// Codes: PostgreSQL's manual, appendix A.
@Suite struct PostgresErrorTests {
    private enum Meaning: Sendable { case later, reopen, person }

    private func meaning(_ error: PostgresError) -> Meaning? {
        switch StoreError(error) {
        case .unavailable(_, _, let mustReopen): mustReopen ? .reopen : .later
        case .unusable: .person
        case .fenced, .refused: nil
        }
    }

    @Test(arguments: [
        ("40P01", Meaning.later), ("40001", .later), ("55P03", .later), ("57014", .later), ("53100", .later),
        ("53200", .later), ("25006", .later), ("53300", .reopen), ("57P01", .reopen), ("57P02", .reopen),
        ("57P03", .reopen), ("08006", .reopen), ("58030", .reopen), ("XX000", .reopen), ("28P01", .person),
        ("28000", .person), ("3D000", .person), ("42501", .person), ("42P01", .person), ("42601", .person),
        ("0A000", .person), ("99999", .later),
    ])
    private func everyCodeSaysWhatToDo(_ state: String, _ expected: Meaning) {
        #expect(meaning(.refused(ServerRefusal(state: state, message: "words"))) == expected)
    }

    @Test func whatBrokeTheConnectionAsksForAnother() {
        for error in [
            PostgresError.broken(words: "x"), .silent(.seconds(1)), .closed, .connectTimeout(.seconds(1)),
            .connect(state: nil, words: "refused"), .connect(state: "57P03", words: "starting up"),
            .connect(state: "53300", words: "too many"),
        ] { #expect(meaning(error) == .reopen, "\(error)") }
        #expect(meaning(.connect(state: "28P01", words: "x")) == .person)
        #expect(meaning(.url(words: "x")) == .person)
    }

    @Test(arguments: [
        ("22P02", true), ("22003", true), ("23514", true), ("23502", true), ("40001", false), ("53100", false),
    ])
    func dataExceptionsAndConstraintsAreARowsOwnFault(_ state: String, _ expected: Bool) {
        #expect(StoreError.isAboutData(.refused(ServerRefusal(state: state, message: "words"))) == expected)
    }
}
