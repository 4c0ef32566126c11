internal import Persister
internal import Postgres

extension StoreError {
    /// What an error of PostgreSQL means for who writes. Never `fenced` or `refused`: which rows are meant only the store
    /// can say. Codes: appendix A of PostgreSQL's manual.
    init(_ error: PostgresError) {
        switch error {
        case .url, .unexpected: self = .unusable(code: "postgres", sentence: "\(error)")
        case .connectTimeout, .broken, .silent, .closed:
            self = .unavailable(code: "connection", sentence: "\(error)", mustReopen: true)
        case .connect(let state, _):
            guard let state else {
                self = .unavailable(code: "connection", sentence: "\(error)", mustReopen: true)
                return
            }
            self = Self.meaning(of: state, words: "\(error)", mustReopen: true)
        case .refused(let refusal): self = Self.meaning(of: refusal.state, words: "\(error)", mustReopen: false)
        }
    }

    private static func meaning(of state: String, words: String, mustReopen: Bool) -> StoreError {
        func unusable(_ remedy: String) -> StoreError { .unusable(code: state, sentence: "\(words); \(remedy)") }
        func passing(_ remedy: String, reopen: Bool = mustReopen) -> StoreError {
            .unavailable(code: state, sentence: "\(words)\(remedy)", mustReopen: reopen)
        }
        switch state {
        case "42501": return unusable("grant the user what it needs: CREATE on the schema, or all on its tables")
        case "42P01", "42703", "42P07", "42883", "3F000":
            return unusable(
                "the tables are not what klinecast_schema says: restore them, or set another database in DATABASE_URL")
        case "3D000": return unusable("create the database, or set another one in DATABASE_URL")
        case "25006": return passing("; the server is read-only: a standby, or default_transaction_read_only is on")
        case "53100": return passing("; make room on the server's disk")
        case "53200": return passing("; the server is out of memory")
        case "53300": return passing("; raise max_connections, or close other connections", reopen: true)
        case "40001", "40P01", "55P03", "57014": return passing("")
        default: break
        }
        switch state.prefix(2) {
        case "28": return unusable("check user and password in DATABASE_URL, and pg_hba.conf on the server")
        case "42", "0A": return unusable("the server does not take this program's statements")
        case "08", "57", "58", "XX": return passing("", reopen: true)
        default: return passing("")
        }
    }

    /// Whether a row's own values are to blame: a data exception, or a broken constraint.
    static func isAboutData(_ error: PostgresError) -> Bool {
        guard case .refused(let refusal) = error else { return false }
        return refusal.state.hasPrefix("22") || refusal.state.hasPrefix("23")
    }
}
