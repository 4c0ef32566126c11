/// Everything that can go wrong between us and a Redis, in words that say what to do.
package enum RedisError: Error, Sendable, Equatable, CustomStringConvertible {
    case resolution(host: String, words: String)
    case connect(endpoint: String, words: String)
    case connectTimeout(endpoint: String, phase: String, limit: Duration)
    case tls(TLSProblem)
    case replyDeadline(Duration)
    case writeStalled(Duration)
    case closedByServer
    /// Before it had said anything.
    case closedUnheard(endpoint: String)
    case io(words: String)
    case protocolViolation(String)
    case replyTooLarge(limit: Int)
    /// A reply that no command of ours asked for.
    case surplusReply
    /// The server refused one of the connection's own commands.
    case refused(command: String, ReplyError, words: String)
    case notMaster(role: String)
    /// The connection's user asked for its end.
    case poisoned(String)
    case closed
    /// A blocking command's answer did not come in its time.
    case commandTimeout(Duration)

    package enum Advice: Sendable, Equatable {
        /// It may pass: connect again.
        case retry
        /// A person has to change something; connecting again goes on, since that may happen on the server.
        case tell
    }

    package var advice: Advice {
        switch self {
        case .tls(.other), .tls(.silentServer): .retry
        case .tls: .tell
        case .refused(_, let error, _): if case .global = error { .tell } else { .retry }
        case .resolution, .connect, .connectTimeout, .replyDeadline, .writeStalled, .closedByServer, .closedUnheard,
            .io, .protocolViolation, .replyTooLarge, .surplusReply, .notMaster, .poisoned, .closed, .commandTimeout:
            .retry
        }
    }

    package var description: String {
        switch self {
        case .resolution(let host, let words):
            "the name \(host) cannot be looked up: \(words); check the host in REDIS_URL"
        case .connect(let endpoint, let words): "no connection to \(endpoint): \(words); is Redis running there?"
        case .connectTimeout(let endpoint, let phase, let limit):
            "\(endpoint): \(phase) took longer than \(limit); is the address right, does a firewall drop packets?"
        case .tls(let problem): "TLS: \(problem)"
        case .replyDeadline(let limit): "no reply within \(limit): the server hangs or is overloaded; connecting again"
        case .writeStalled(let limit): "the server took no byte for \(limit): it hangs; connecting again"
        case .closedByServer: "the server closed the connection"
        case .closedUnheard(let endpoint):
            "\(endpoint) closed the connection without a word; if it speaks TLS, use rediss:// instead of redis://"
        case .io(let words): "the connection broke: \(words)"
        case .protocolViolation(let words):
            "not the Redis protocol: \(words); is this a Redis port, plain or TLS as set?"
        case .replyTooLarge(let limit): "a reply takes more than \(limit) bytes"
        case .surplusReply: "a reply came that no command asked for"
        case .refused(let command, let error, let words): Self.refusal(command, error, words)
        case .notMaster(let role): "the server's role is \(role), not master; point REDIS_URL at the master"
        case .poisoned(let reason): reason
        case .closed: "closed"
        case .commandTimeout(let limit): "no answer within \(limit)"
        }
    }

    private static func refusal(_ command: String, _ error: ReplyError, _ words: String) -> String {
        let remedy =
            switch error {
            case .global(.wrongPassword): "; check REDIS_USERNAME and REDIS_PASSWORD"
            case .global(.noAuthentication): "; set REDIS_PASSWORD"
            case .global(.noPermission): "; let the user do it: ACL SETUSER … +ping +role +info +client|setname +select"
            case .transient(.loading): "; waiting until it has loaded its data"
            case .message where command == "SELECT":
                "; give a database that the server has, at the end of REDIS_URL or as REDIS_DB"
            case .transient, .message: ""
            }
        return "\(command) was refused: \(words)\(remedy)"
    }
}

/// Why TLS was not agreed on.
package enum TLSProblem: Error, Sendable, Equatable, CustomStringConvertible {
    case expired
    case notYetValid
    case selfSigned
    case unknownAuthority
    case wrongHost(String)
    case authorityFile(path: String, words: String)
    /// What came is no TLS.
    case plainServer(String)
    /// Nothing came: a plain Redis waits for the end of what looks like a long line.
    case silentServer(String, limit: Duration)
    case other(String)

    package var description: String {
        switch self {
        case .expired: "the server's certificate has expired; renew it on the server"
        case .notYetValid: "the server's certificate is not valid yet; check the clocks of both machines"
        case .selfSigned: "the server's certificate is self-signed; give it as REDIS_CA_LOCATION to trust it"
        case .unknownAuthority:
            "the server's certificate is signed by an unknown authority; give the authority's as REDIS_CA_LOCATION"
        case .wrongHost(let host):
            "the server's certificate is not for \(host); connect by a name in it, or have one made for \(host)"
        case .authorityFile(let path, let words): "REDIS_CA_LOCATION \(path) cannot be read: \(words)"
        case .plainServer(let server): "\(server) does not speak TLS; use redis:// instead of rediss://"
        case .silentServer(let server, let limit):
            "\(server) does not speak TLS, or hangs (no answer to its greeting within \(limit)); "
                + "without TLS use redis:// instead of rediss://"
        case .other(let words): "\(words); does the server speak TLS 1.2 or newer on this port?"
        }
    }
}
