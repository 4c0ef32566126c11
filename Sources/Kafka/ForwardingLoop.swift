import Foundation

/// The loop of a port forwarder: waits for whatever can move, and moves it.
struct ForwardingLoop {
    /// One way of a connection: what was read on one side and not yet written to the other.
    private struct Way {
        var source: Int32
        var target: Int32
        var waiting: [UInt8] = []
        var isEnded = false

        /// Reads only into an empty buffer: a slow reader slows its writer.
        var wantsRead: Bool { waiting.isEmpty && !isEnded }
    }

    private struct Connection {
        var there: Way
        var back: Way
        var isDead = false
    }

    let listener: Int32
    let control: Int32
    let targetPort: UInt16
    private var connections: [Connection] = []
    private var buffer = [UInt8](repeating: 0, count: 65536)
    private static let limit = 128

    init(listener: Int32, control: Int32, targetPort: UInt16) {
        self.listener = listener
        self.control = control
        self.targetPort = targetPort
    }

    mutating func run() {
        defer { for connection in connections { Self.close(connection) } }
        while true {
            var polled = [pollfd(fd: control, events: Int16(POLLIN), revents: 0)]
            let isFull = connections.count >= Self.limit
            polled.append(pollfd(fd: isFull ? -1 : listener, events: Int16(POLLIN), revents: 0))
            for connection in connections {
                polled.append(Self.interest(connection.there.source, in: connection.there, out: connection.back))
                polled.append(Self.interest(connection.back.source, in: connection.back, out: connection.there))
            }
            guard unsafe poll(&polled, nfds_t(polled.count), -1) >= 0 || errno == EINTR else { return }
            if polled[0].revents != 0 { return }
            for index in connections.indices {
                let events = (polled[2 + 2 * index].revents, polled[3 + 2 * index].revents)
                if events.0 != 0 || events.1 != 0 { move(index, events) }
            }
            for connection in connections where connection.isDead { Self.close(connection) }
            connections.removeAll { $0.isDead }
            if polled[1].revents != 0 { admit() }
        }
    }

    private mutating func admit() {
        let client = LoopbackSocket.accept(listener)
        guard client >= 0 else { return }
        let server = LoopbackSocket.connect(port: targetPort)
        guard server >= 0 else {
            Foundation.close(client)
            return
        }
        connections.append(
            Connection(there: Way(source: client, target: server), back: Way(source: server, target: client)))
    }

    private mutating func move(_ index: Int, _ events: (Int16, Int16)) {
        let broken = Int16(POLLERR | POLLNVAL)
        let isAlive =
            (events.0 | events.1) & broken == 0 && Self.step(&connections[index].there, &buffer)
            && Self.step(&connections[index].back, &buffer)
        let connection = connections[index]
        if !isAlive || connection.there.isEnded && connection.back.isEnded { connections[index].isDead = true }
        // A side that hung up gets nothing more: what is left for it has nowhere to go.
        if (events.0 | events.1) & Int16(POLLHUP) != 0, connection.there.isEnded || connection.back.isEnded {
            connections[index].isDead = true
        }
    }

    /// Moves what can be moved one way; false when the connection broke.
    private static func step(_ way: inout Way, _ buffer: inout [UInt8]) -> Bool {
        if way.wantsRead {
            let count = unsafe recv(way.source, &buffer, buffer.count, 0)
            if count > 0 {
                way.waiting = Array(buffer[..<count])
            } else if count == 0 {
                way.isEnded = true
                shutdown(way.target, Int32(SHUT_WR))
            } else if !isTemporary(errno) {
                return false
            }
        }
        guard !way.waiting.isEmpty else { return true }
        let sent = unsafe send(way.target, way.waiting, way.waiting.count, Int32(MSG_NOSIGNAL))
        if sent < 0 { return isTemporary(errno) }
        way.waiting.removeFirst(sent)
        return true
    }

    private static func isTemporary(_ code: Int32) -> Bool {
        code == EAGAIN || code == EINTR || code == ENOTCONN || code == EINPROGRESS
    }

    private static func interest(_ descriptor: Int32, in incoming: Way, out outgoing: Way) -> pollfd {
        var events: Int32 = 0
        if incoming.wantsRead { events |= POLLIN }
        if !outgoing.waiting.isEmpty { events |= POLLOUT }
        return pollfd(fd: descriptor, events: Int16(events), revents: 0)
    }

    private static func close(_ connection: Connection) {
        Foundation.close(connection.there.source)
        Foundation.close(connection.back.source)
    }
}
