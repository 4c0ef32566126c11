import Configuration

/// The commands a connection sends for itself, and how their answers are judged.
enum OwnCommands {
    static let role = CommandEncoder.encode(["ROLE"])
    static let ping = CommandEncoder.encode(["PING"])

    static func bytes(_ step: ConnectionState.Step, _ settings: RedisSettings) -> [UInt8] {
        switch step {
        case .authenticate:
            let password = settings.password?.revealed ?? ""
            return CommandEncoder.encode(settings.username.map { ["AUTH", $0, password] } ?? ["AUTH", password])
        case .select: return CommandEncoder.encode(["SELECT", "\(settings.database)"])
        case .name: return CommandEncoder.encode(["CLIENT", "SETNAME", settings.clientName ?? ""])
        case .ping: return ping
        case .role: return role
        case .server: return CommandEncoder.encode(["INFO", "server"])
        }
    }

    static func name(_ step: ConnectionState.Step) -> String {
        switch step {
        case .authenticate: "AUTH"
        case .select: "SELECT"
        case .name: "CLIENT SETNAME"
        case .ping: "PING"
        case .role: "ROLE"
        case .server: "INFO server"
        }
    }

    /// `nil` for a master.
    static func roleProblem(_ reply: Reply) -> RedisError? {
        switch reply {
        case .array(let elements):
            guard let role = elements.first?.string else {
                return .protocolViolation("ROLE was answered without a role")
            }
            return role == "master" ? nil : .notMaster(role: role == "slave" ? "replica" : role)
        case .error(let text):
            return unsafe .refused(
                command: "ROLE", ReplyError.classify(text.bytes, isOwn: true), words: text.string)
        case .integer, .status, .bulk, .null: return .protocolViolation("ROLE was not answered with an array")
        }
    }

    /// The `name:value` lines of INFO.
    static func fields(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return fields
    }
}
