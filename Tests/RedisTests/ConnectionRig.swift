import Glibc
import Redis
import TestRigs

/// A loop around one connection, as a lane has it, that blocks in poll.
final class ConnectionRig {
    let connection: Connection
    /// Replies of the caller's, in order.
    var replies: [ReplyTree] = []

    init(_ settings: RedisSettings, jitter: Double = 0) {
        connection = Connection(settings, random: { jitter })
    }

    /// One round of the lane's loop.
    func turn(_ limit: Duration = .milliseconds(20)) {
        var time = limit
        if let next = connection.nextDeadline { time = min(time, max(.zero, next - .now)) }
        var watched = pollfd(
            fd: connection.descriptor, events: Int16(POLLIN | (connection.wantsWrite ? POLLOUT : 0)), revents: 0)
        _ = unsafe poll(&watched, 1, Int32(time / .milliseconds(1)) + 1)
        connection.advance(now: .now)
        take()
    }

    func take() {
        while connection.receive(now: .now) { while let reply = connection.nextReply() { replies.append(reply.tree) } }
    }

    func run(_ what: String, within limit: Duration = .seconds(30), until condition: () -> Bool) throws {
        let deadline = ContinuousClock.now + limit
        while !condition() {
            guard ContinuousClock.now < deadline else {
                throw Late(what: what, phase: connection.phase, failure: connection.lastFailure?.error)
            }
            turn()
        }
    }

    func ready(within limit: Duration = .seconds(30)) throws {
        try run("ready", within: limit) { connection.isReady }
    }

    /// Offers all of one run until it is out or the connection has failed.
    func write(_ commands: [[String]]) throws {
        let bytes = commands.flatMap { CommandEncoder.encode($0) }
        let generation = connection.generation
        var sent = 0
        var announced = commands.count
        while sent < bytes.count, connection.isReady, connection.generation == generation {
            sent += unsafe bytes.withUnsafeBytes {
                unsafe connection.write(.init(rebasing: $0[sent...]), commands: announced, now: .now)
            }
            announced = 0
            if sent < bytes.count { turn() }
        }
    }
}

struct Late: Error {
    let what: String
    let phase: ConnectionState.Phase
    let failure: RedisError?
}
