import Foundation

/// A server that speaks the Redis protocol by a script. It answers a connection's own commands (AUTH, SELECT, CLIENT,
/// PING, ROLE, INFO) properly unless told otherwise; every other command gets the script's next answer, and what a healthy
/// server says once the script is over. One thread; `end` joins it, and it ends by itself when its owner goes.
package final class FakeRedis: Sendable {
    package enum Answer: Sendable {
        /// These bytes, as they are.
        case raw(String)
        /// `-<text>` as a line.
        case error(String)
        /// Nothing, and the commands behind it wait too.
        case silence
        /// These bytes, then the end of the connection.
        case rawThenClose(String)
        case close
    }

    private struct Client {
        let descriptor: Int32
        var input: [UInt8] = []
        var output: [UInt8] = []
        var isSilent = false
        var closes = false
    }

    private struct State {
        var script: [Answer] = []
        var overrides: [String: Answer] = [:]
        var commands: [[String]] = []
        var clients: [Client] = []
        var isEnded = false
        var accepted = 0
    }

    package let port: UInt16
    private let listener: Int32
    private let marker: String?
    private let state = Guarded(State())
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter marker: the script is for commands with this in one of their words; `nil`: for all.
    package init(_ script: [Answer] = [], for marker: String? = nil) throws {
        self.marker = marker
        port = freePort()
        listener = try LocalSocket.listen(port)
        state.withLock { $0.script = script }
        let thread = Thread { [weak self] in
            while true {
                guard let server = self else { return }
                guard server.turn() else {
                    server.ended.signal()
                    return
                }
            }
        }
        thread.name = "fake-redis"
        thread.start()
    }

    deinit {
        state.withLock { for client in $0.clients { close(client.descriptor) } }
        close(listener)
    }

    package var url: String { "redis://127.0.0.1:\(port)" }

    /// Adds answers to the script.
    package func script(_ answers: [Answer]) { state.withLock { $0.script += answers } }

    /// The answer to one of a connection's own commands from now on (`nil`: the proper one), by its first word.
    package func answer(_ command: String, _ answer: Answer?) { state.withLock { $0.overrides[command] = answer } }

    /// Every command that came, own ones included.
    package var commands: [[String]] { state.withLock { $0.commands } }
    /// Connections taken since the start.
    package var accepted: Int { state.withLock { $0.accepted } }

    /// Sends bytes that nobody asked for to everyone.
    package func push(_ text: String) {
        state.withLock { state in
            for index in state.clients.indices { state.clients[index].output += text.utf8 }
        }
    }

    package func end() {
        let wasEnded = state.withLock { state in
            defer { state.isEnded = true }
            return state.isEnded
        }
        if !wasEnded { ended.wait() }
    }

    private func turn() -> Bool {
        var watched = state.withLock { state in
            [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
                + state.clients.map {
                    pollfd(fd: $0.descriptor, events: Int16(POLLIN | ($0.output.isEmpty ? 0 : POLLOUT)), revents: 0)
                }
        }
        _ = unsafe poll(&watched, nfds_t(watched.count), 5)
        return state.withLock { state in
            guard !state.isEnded else { return false }
            while let descriptor = LocalSocket.accept(listener) {
                state.accepted += 1
                state.clients.append(Client(descriptor: descriptor))
            }
            var kept: [Client] = []
            for var client in state.clients {
                if serve(&client, &state) { kept.append(client) } else { close(client.descriptor) }
            }
            state.clients = kept
            return true
        }
    }

    /// `false` when the connection is over.
    private func serve(_ client: inout Client, _ state: inout State) -> Bool {
        guard let bytes = LocalSocket.receive(client.descriptor, 64 << 10) else { return false }
        client.input += bytes
        while !client.closes, let command = Self.takeCommand(&client.input) {
            state.commands.append(command)
            if !client.isSilent { answer(command, &client, &state) }
        }
        guard !client.output.isEmpty else { return !client.closes }
        guard let sent = LocalSocket.send(client.descriptor, client.output) else { return false }
        client.output.removeFirst(sent)
        return !(client.closes && client.output.isEmpty)
    }

    private func answer(_ command: [String], _ client: inout Client, _ state: inout State) {
        let name = command[0].uppercased()
        let proper = Self.proper(name)
        let answer: Answer
        if let override = state.overrides[name] {
            answer = override
        } else if let proper {
            answer = .raw(proper)
        } else if !state.script.isEmpty, marker.map({ mark in command.contains { $0.contains(mark) } }) ?? true {
            answer = state.script.removeFirst()
        } else {
            answer = .raw(Self.healthy(name))
        }
        switch answer {
        case .raw(let text): client.output += text.utf8
        case .error(let text): client.output += "-\(text)\r\n".utf8
        case .silence: client.isSilent = true
        case .rawThenClose(let text):
            client.output += text.utf8
            client.closes = true
        case .close: client.closes = true
        }
    }

    private static func proper(_ name: String) -> String? {
        switch name {
        case "AUTH", "SELECT", "CLIENT": return "+OK\r\n"
        case "PING": return "+PONG\r\n"
        case "ROLE": return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
        case "INFO":
            let text = "# Server\r\nredis_version:7.0.0\r\nrun_id:fake\r\n"
            return "$\(text.utf8.count)\r\n\(text)\r\n"
        default: return nil
        }
    }

    private static func healthy(_ name: String) -> String {
        switch name {
        case "SET": "+OK\r\n"
        case "XADD": "$3\r\n1-0\r\n"
        case "XREVRANGE": "*0\r\n"
        default: ":1\r\n"
        }
    }

    /// A whole command off the front of the bytes; `nil` while there is none.
    private static func takeCommand(_ bytes: inout [UInt8]) -> [String]? {
        var at = 0
        func number(_ sign: Character) -> Int? {
            guard let end = bytes[at...].firstIndex(of: 10), bytes[at] == sign.asciiValue else { return nil }
            defer { at = end + 1 }
            return Int(String(decoding: bytes[at + 1..<end - 1], as: UTF8.self))
        }
        guard let count = number("*") else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard at < bytes.count, let length = number("$"), at + length + 2 <= bytes.count else { return nil }
            words.append(String(decoding: bytes[at..<at + length], as: UTF8.self))
            at += length + 2
        }
        bytes.removeFirst(at)
        return words
    }
}
