import Redis

/// A program for Redis.
struct Script: Sendable {
    let name: String
    let text: String

    init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }
}

/// Runs scripts on one connection. Blocking, one thread at a time.
struct ScriptedClient {
    private let client: Client
    /// The server's names of the scripts it was given: 40 hexadecimal digits.
    private var digests: [String: [UInt8]] = [:]

    init(_ client: Client) { self.client = client }

    mutating func run(_ script: Script, keys: [String], _ arguments: [[UInt8]]) throws(StorageError) -> ReplyTree {
        let rest = [Array("\(keys.count)".utf8)] + keys.map { Array($0.utf8) } + arguments
        do throws(RedisError) {
            let digest = try digest(of: script)
            do throws(RedisError) {
                return try client.command([Array("EVALSHA".utf8), digest] + rest)
            } catch {
                // A server that was restarted has forgotten it; EVAL teaches it anew.
                guard case .refused(_, _, let words) = error, words.hasPrefix("NOSCRIPT") else { throw error }
                return try client.command([Array("EVAL".utf8), Array(script.text.utf8)] + rest)
            }
        } catch {
            throw Self.storageError(error)
        }
    }

    func command(_ words: [String]) throws(StorageError) -> ReplyTree {
        do throws(RedisError) { return try client.command(words) } catch { throw Self.storageError(error) }
    }

    /// `nil` for an answer that is longer than a client takes.
    func short(_ words: [String]) throws(StorageError) -> ReplyTree? {
        do throws(RedisError) { return try client.command(words) } catch {
            guard case .replyTooLarge = error else { throw Self.storageError(error) }
            return nil
        }
    }

    private mutating func digest(of script: Script) throws(RedisError) -> [UInt8] {
        if let known = digests[script.name] { return known }
        let reply = try client.command([Array("SCRIPT".utf8), Array("LOAD".utf8), Array(script.text.utf8)])
        guard case .bulk(let digest) = reply else { throw .protocolViolation("SCRIPT LOAD gave no digest") }
        digests[script.name] = digest
        return digest
    }

    /// Which of the storage's errors it is, with the remedy where one is known.
    static func storageError(_ error: RedisError) -> StorageError {
        guard case .refused(let command, let kind, let words) = error else { return .unavailable("Redis: \(error)") }
        switch kind {
        case .transient(.loading), .transient(.busy), .transient(.tryAgain), .transient(.masterDown),
            .transient(.clusterDown), .transient(.moved):
            return .unavailable("Redis does not take commands at the moment: \(words)")
        case .transient(.outOfMemory):
            return .refused("Redis has no memory left, nothing was changed: raise its maxmemory (\(words))")
        case .transient(.readOnly):
            return .refused("Redis is a replica, nothing was changed: give the master's address (\(words))")
        case .transient(.unavailable):
            return .refused("Redis takes no writes at the moment, nothing was changed: \(words)")
        case .global(.wrongPassword), .global(.noAuthentication): return .refused("Redis: \(error)")
        case .message(.noPermission), .global(.noPermission):
            return .refused(
                "Redis refused \(command), nothing was changed: let the user do it, docs/contracts/assignment.md has the "
                    + "rights (\(words))")
        case .message(.wrongType): return .damaged("a key of the assignments holds something else: \(words)")
        case .message(.duplicate), .message(.tooLarge), .message(.unknownCommand), .message(.other):
            // The connection's own: there is no database of that number.
            if command == "SELECT" { return .refused("Redis: \(error)") }
            return .refused("Redis refused \(command), nothing was changed: \(words)")
        }
    }
}
