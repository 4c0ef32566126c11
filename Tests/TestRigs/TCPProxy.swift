import Foundation

/// Stands between clients and a server on 127.0.0.1: records, cuts, freezes, and is deaf when told. One thread serves
/// all its connections; it is joined when its owner goes.
package final class TCPProxy: Sendable {
    package enum Direction: Sendable { case toServer, toClient }

    private struct Pair {
        var client: Int32
        var server: Int32
        var toServer: [UInt8] = []
        var toClient: [UInt8] = []
    }

    private struct State {
        var target: UInt16
        var listener: Int32 = -1
        var pairs: [Pair] = []
        var isFrozen = false
        var isEnded = false
        var piece = 64 << 10
        var records: [Direction: [UInt8]] = [.toServer: [], .toClient: []]
        var accepted = 0
        var cutAfter: Int?
    }

    package let port: UInt16
    private let state: Guarded<State>
    private let ended = DispatchSemaphore(value: 0)

    package init(to target: UInt16) throws {
        state = Guarded(State(target: target))
        port = freePort()
        try reopen()
        let thread = Thread { [weak self] in
            while true {
                // A strong reference for one turn only: the owner's going ends the thread.
                guard let proxy = self else { return }
                guard proxy.turn() else {
                    proxy.ended.signal()
                    return
                }
            }
        }
        thread.name = "tcp-proxy"
        thread.start()
    }

    deinit {
        state.withLock { state in
            Self.cut(&state)
            if state.listener >= 0 { close(state.listener) }
        }
    }

    /// Ends the proxy and its thread; what was open is cut.
    package func end() {
        let wasEnded = state.withLock { state in
            defer { state.isEnded = true }
            return state.isEnded
        }
        if !wasEnded { ended.wait() }
    }

    /// All bytes that went this way since the start.
    package func recorded(_ direction: Direction) -> [UInt8] { state.withLock { $0.records[direction]! } }
    /// Connections taken since the start.
    package var accepted: Int { state.withLock { $0.accepted } }

    /// Ends every connection at once, both ways.
    package func cut() { state.withLock { Self.cut(&$0) } }

    /// Ends every connection when this many more bytes have gone to the clients: in the middle of a reply, most likely.
    package func cut(afterBytesToClient count: Int) { state.withLock { $0.cutAfter = count } }

    /// Nothing passes in either direction and nothing is lost, until `thaw`.
    package func freeze() { state.withLock { $0.isFrozen = true } }
    package func thaw() { state.withLock { $0.isFrozen = false } }

    /// At most this many bytes pass at once.
    package func split(into bytes: Int) { state.withLock { $0.piece = bytes } }

    /// Takes no connections, cuts those there are: the server's host is gone.
    package func shut() {
        state.withLock { state in
            Self.cut(&state)
            if state.listener >= 0 { close(state.listener) }
            state.listener = -1
        }
    }

    /// Takes connections again, on the same port.
    package func reopen() throws {
        let listener = try LocalSocket.listen(port)
        state.withLock { state in
            if state.listener >= 0 { close(state.listener) }
            state.listener = listener
        }
    }

    /// The server has moved: ends every connection, and makes new ones to this port.
    package func move(to target: UInt16) {
        state.withLock { state in
            state.target = target
            Self.cut(&state)
        }
    }

    private static func cut(_ state: inout State) {
        for pair in state.pairs {
            close(pair.client)
            close(pair.server)
        }
        state.pairs = []
    }

    /// One look at every descriptor, at most 5 ms; `false` at the end.
    private func turn() -> Bool {
        var watched = state.withLock { state -> [pollfd] in
            var watched = [pollfd(fd: state.listener, events: Int16(POLLIN), revents: 0)]
            if state.isFrozen { return watched }
            for pair in state.pairs {
                let toServer = pair.toServer.isEmpty
                let toClient = pair.toClient.isEmpty
                watched.append(
                    pollfd(
                        fd: pair.client, events: Int16((toServer ? POLLIN : 0) | (toClient ? 0 : POLLOUT)), revents: 0))
                watched.append(
                    pollfd(
                        fd: pair.server, events: Int16((toClient ? POLLIN : 0) | (toServer ? 0 : POLLOUT)), revents: 0))
            }
            return watched
        }
        _ = unsafe poll(&watched, nfds_t(watched.count), 5)
        return state.withLock { state in
            guard !state.isEnded else {
                Self.cut(&state)
                if state.listener >= 0 { close(state.listener) }
                state.listener = -1
                return false
            }
            take(&state)
            if !state.isFrozen { pass(&state) }
            return true
        }
    }

    private func take(_ state: inout State) {
        guard state.listener >= 0, let client = LocalSocket.accept(state.listener) else { return }
        state.accepted += 1
        guard let server = LocalSocket.connect(state.target) else {
            close(client)
            return
        }
        state.pairs.append(Pair(client: client, server: server))
    }

    private func pass(_ state: inout State) {
        var isCut = false
        for index in state.pairs.indices {
            var pair = state.pairs[index]
            var isOpen = move(pair.client, pair.server, &pair.toServer, state.piece) {
                state.records[.toServer]! += $0
                return $0.count
            }
            isOpen =
                isOpen
                && move(pair.server, pair.client, &pair.toClient, state.piece) { bytes in
                    var count = bytes.count
                    if let left = state.cutAfter {
                        count = min(left, count)
                        state.cutAfter = left - count
                        if left == count {
                            state.cutAfter = nil
                            isCut = true
                        }
                    }
                    state.records[.toClient]! += bytes.prefix(count)
                    return count
                }
            if !isOpen {
                close(pair.client)
                close(pair.server)
                pair.client = -1
            }
            state.pairs[index] = pair
        }
        state.pairs.removeAll { $0.client < 0 }
        if isCut { Self.cut(&state) }
    }

    /// Reads a piece when none waits, writes what waits; `false` when either side has gone.
    private func move(
        _ source: Int32, _ target: Int32, _ waiting: inout [UInt8], _ piece: Int, _ record: (ArraySlice<UInt8>) -> Int
    ) -> Bool {
        if waiting.isEmpty {
            guard let bytes = LocalSocket.receive(source, piece) else { return false }
            waiting = Array(bytes.prefix(record(bytes[...])))
        }
        guard !waiting.isEmpty else { return true }
        guard let sent = LocalSocket.send(target, waiting) else { return false }
        waiting.removeFirst(sent)
        return true
    }
}
