import Foundation
import Synchronization
import TestRigs

/// Stands between a router and a Redis and keeps what passed, each connection by itself. Two threads a connection.
final class RedisRelay: Sendable {
    /// What passed on one connection, both ways.
    struct Passage: Sendable {
        var toServer: [UInt8] = []
        var toClient: [UInt8] = []
    }

    private struct State {
        var passages: [Passage] = []
        /// The two sockets of the connections that are open, by their number.
        var open: [Int: (client: Int32, server: RedisSocket)] = [:]
        /// Those of which one thread has ended: the other one closes the sockets.
        var halfEnded: Set<Int> = []
        var isEnded = false
        var bytesToServer = 0
    }

    let port: UInt16
    private let target: UInt16
    private let replyDelay: UInt32
    private let listener: Int32
    private let state = Mutex(State())

    /// - Parameter replyDelay: how long each piece of the server's answers is held, in microseconds, so that a window
    ///   of commands is on its way at any moment.
    init(to target: UInt16, replyDelay: UInt32 = 0) throws {
        self.target = target
        self.replyDelay = replyDelay
        port = freePort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var one: Int32 = 1
        unsafe setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        let code = unsafe LocalSocket.withAddress(port) { unsafe bind(listener, $0, $1) }
        guard code == 0, listen(listener, 64) == 0 else {
            close(listener)
            throw NeverHappened(description: "listening on port \(port)")
        }
        Thread.detachNewThread { [self] in accept() }
    }

    var url: String { "redis://127.0.0.1:\(port)" }
    var connections: [Passage] { state.withLock { $0.passages } }
    var bytesToServer: Int { state.withLock { $0.bytesToServer } }

    /// Ends every connection at once.
    func cut() {
        state.withLock { state in
            for (client, server) in state.open.values {
                shutdown(client, Int32(SHUT_RDWR))
                server.cut()
            }
        }
    }

    /// Ends the relay and its threads; a test calls it before its end, since the threads hold it.
    func end() {
        state.withLock { $0.isEnded = true }
        shutdown(listener, Int32(SHUT_RDWR))
        cut()
    }

    private func accept() {
        while !state.withLock({ $0.isEnded }) {
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { continue }
            guard let server = try? RedisSocket(port: target, patience: .seconds(600)) else {
                close(client)
                continue
            }
            let number = state.withLock { state in
                state.passages.append(Passage())
                state.open[state.passages.count - 1] = (client, server)
                return state.passages.count - 1
            }
            Thread.detachNewThread { [self] in pump(number, from: client, to: server.descriptor, isToServer: true) }
            Thread.detachNewThread { [self] in pump(number, from: server.descriptor, to: client, isToServer: false) }
        }
        close(listener)
    }

    private func pump(_ number: Int, from source: Int32, to target: Int32, isToServer: Bool) {
        while true {
            let bytes = RedisSocket.receive(on: source)
            if bytes.isEmpty { break }
            if !isToServer, replyDelay > 0 { usleep(replyDelay) }
            // Noted before it goes on: what has arrived anywhere is on record.
            state.withLock { state in
                if isToServer {
                    state.passages[number].toServer += bytes
                    state.bytesToServer += bytes.count
                } else {
                    state.passages[number].toClient += bytes
                }
            }
            if !RedisSocket.send(bytes, on: target) { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
        state.withLock { state in
            guard !state.halfEnded.insert(number).inserted, let (client, _) = state.open.removeValue(forKey: number)
            else { return }
            close(client)
        }
    }
}
