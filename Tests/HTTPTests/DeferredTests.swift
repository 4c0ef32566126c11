import Foundation
import HTTP
import Telemetry
import TestRigs
import Testing

@Suite(.timeLimit(.minutes(2))) struct DeferredTests {
    private static func post(_ client: RawClient, _ target: String = "/slow") {
        client.send("POST \(target) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    }

    @Test func othersAreServedWhileAHandlerWaits() throws {
        let rig = try ServerRig()
        let client = try rig.client()
        Self.post(client)
        try eventually("the handler waits") { rig.gate.waiting == 1 }
        #expect(status(try rig.ask("GET", "/health")) == 200)
        #expect(status(try rig.ask("GET", "/quick")) == 200)
        rig.gate.open()
        let answer = client.receiveAnswer()
        #expect(status(answer) == 200)
        #expect(try members(answer)["bytes"] as? Int == 3)
    }

    @Test func aConnectionServesDeferredRequestsInTheirOrder() throws {
        let rig = try ServerRig()
        rig.gate.open()
        let client = try rig.client()
        client.send(
            (0..<40).map { number in
                number % 3 == 0
                    ? "GET /echo?n=\(number) HTTP/1.1\r\nHost: a\r\n\r\n"
                    : "POST /slow?n=\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            }.joined())
        for number in 0..<40 { #expect(try members(client.receiveAnswer())["n"] as? String == "\(number)") }
        #expect(try rig.ask("HEAD", "/quick").hasSuffix("\r\n\r\n"))
    }

    @Test func aHandlerKnowsItsClientsAddress() throws {
        let answer = try ServerRig().ask("GET", "/quick", headers: "X-Forwarded-For: 10.1.2.3\r\n")
        #expect(try members(answer)["from"] as? String == "127.0.0.1")
    }

    @Test func clientsThatLeaveWhileTheyWaitHarmNobody() throws {
        let rig = try ServerRig()
        var clients = try (0..<20).map { _ in try rig.client() }
        for client in clients { Self.post(client) }
        try eventually("handlers wait") { rig.gate.waiting == 7 }
        clients = []
        rig.gate.open()
        try eventually("all handlers have ended") { rig.gate.passed == 20 }
        try eventually("their connections are closed") {
            MetricsPage(of: [rig.metrics]).text.contains("klinecast_http_connections 0\n")
        }
        #expect(status(try rig.ask("GET", "/quick")) == 200)
    }

    @Test func aFullQueueIsRefusedWithTheTimeToRepeat() throws {
        let rig = try ServerRig {
            $0.handlerThreads = 3
            $0.queuedRequests = 5
        }
        let clients = try (0..<7).map { _ in try rig.client() }
        for client in clients.prefix(2) { Self.post(client) }
        try eventually("two handlers wait") { rig.gate.waiting == 2 }
        for client in clients.dropFirst(2) { Self.post(client) }
        let refused = try eventually("the queue is full") { () -> String? in
            let answer = try rig.ask("POST", "/slow", headers: "Content-Length: 0\r\n")
            return status(answer) == 503 ? answer : nil
        }
        #expect(try members(refused)["code"] as? String == "busy")
        #expect(refused.contains("\r\nRetry-After: 2\r\n"))
        rig.gate.open()
        for client in clients { #expect(status(client.receiveAnswer()) == 200) }
    }

    @Test func readsAreServedWhileAllWritesWait() throws {
        let rig = try ServerRig { $0.handlerThreads = 2 }
        let clients = try (0..<10).map { _ in try rig.client() }
        for client in clients { Self.post(client) }
        try eventually("a write waits") { rig.gate.waiting == 1 }
        for _ in 0..<20 { #expect(status(try rig.ask("GET", "/quick")) == 200) }
        #expect(rig.gate.waiting == 1)
        rig.gate.open()
        for client in clients { #expect(status(client.receiveAnswer()) == 200) }
    }

    @Test func writesAreServedWhileAllReadsWait() throws {
        let rig = try ServerRig { $0.handlerThreads = 2 }
        let clients = try (0..<10).map { _ in try rig.client() }
        for client in clients { client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n") }
        try eventually("a read waits") { rig.gate.waiting == 1 }
        for _ in 0..<20 { #expect(status(try rig.ask("POST", "/quick", headers: "Content-Length: 0\r\n")) == 200) }
        #expect(rig.gate.waiting == 1)
        rig.gate.open()
        for client in clients { #expect(status(client.receiveAnswer()) == 200) }
    }

    @Test func whatWaitedTooLongIsNotCarriedOut() throws {
        let rig = try ServerRig {
            $0.handlerThreads = 2
            $0.queuePatience = .zero
        }
        let answer = try rig.ask("POST", "/slow", headers: "Content-Length: 0\r\n")
        #expect(status(answer) == 503)
        #expect(rig.gate.passed == 0)
    }

    @Test func aWaitingConnectionEndsAtTheDeadline() throws {
        let rig = try ServerRig { $0.requestDeadline = .milliseconds(500) }
        let client = try rig.client()
        Self.post(client)
        #expect(client.receive().isEmpty)
        #expect(rig.gate.passed == 0)
        rig.gate.open()
        try eventually("the handler has ended") { rig.gate.passed == 1 }
        #expect(status(try rig.ask("GET", "/health")) == 200)
    }

    @Test func twoHundredIdleConnectionsDelayNoDeferredRequest() throws {
        let rig = try ServerRig()
        rig.gate.open()
        let idle = try (0..<200).map { _ in try rig.client() }
        for client in idle.prefix(100) { client.send("GET /slow HTTP/1.1\r\n") }
        let client = try rig.client()
        for _ in 0..<300 {
            Self.post(client)
            #expect(status(client.receiveAnswer()) == 200)
        }
        withExtendedLifetime(idle) {}
    }

    @Test func stopLetsHandlersEndAndTellsTheOthers() throws {
        let rig = try ServerRig { $0.handlerThreads = 3 }
        let running = try (0..<2).map { _ in try rig.client() }
        for client in running { Self.post(client) }
        try eventually("two handlers wait") { rig.gate.waiting == 2 }
        let queued = try (0..<5).map { _ in try rig.client() }
        for client in queued { Self.post(client, "/slow?late") }
        // What the server's thread answers after them says that it has taken them.
        for client in queued { client.send("") }
        #expect(status(try rig.ask("GET", "/health")) == 200)
        rig.server.stop()
        for client in running { #expect(status(client.receiveAnswer()) == 200) }
        for client in queued {
            let answer = client.receiveAnswer()
            #expect(answer.isEmpty || status(answer) == 503)
        }
        #expect(rig.gate.passed == 2)
    }

    @Test(arguments: 0..<10) func stopUnderLoadEnds(round: Int) throws {
        let rig = try ServerRig()
        if round % 2 == 0 { rig.gate.open() }
        let port = rig.server.port
        let answers = Locked(0)
        let threads = (0..<16).map { number in
            Thread {
                while let client = try? RawClient(port: port) {
                    for _ in 0..<50 {
                        Self.post(client, number % 4 == 0 ? "/echo" : "/slow")
                        let answer = client.receiveAnswer()
                        if answer.isEmpty { return }
                        answers.withLock { $0 += 1 }
                    }
                }
            }
        }
        for thread in threads { thread.start() }
        try eventually("requests are answered or wait") {
            answers.withLock { $0 } > 20 && (round % 2 == 0 || rig.gate.waiting == 7)
        }
        rig.server.stop()
        try eventually("all clients have ended") { threads.allSatisfy(\.isFinished) }
    }
}
