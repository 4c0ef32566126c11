import Assignment
import Foundation
import MarketData
import TestRigs
import Testing

/// docs/contracts/assignment.md holds a second implementation of the hash function, and what that prints.
@Suite struct ContractTests {
    private static let page = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/contracts/assignment.md")
    private static let hasPython = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .contains { FileManager.default.isExecutableFile(atPath: "\($0)/python3") }

    private static func block(_ language: String) throws -> String {
        let text = try String(contentsOf: page, encoding: .utf8)
        let begin = try #require(text.range(of: "```\(language)\n"))
        let end = try #require(text.range(of: "```", range: begin.upperBound..<text.endIndex))
        return String(text[begin.upperBound..<end.lowerBound])
    }

    private static func vectors(_ kind: String) throws -> [[String]] {
        try block("text").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            .filter { $0[0] == kind }
    }

    @Test(.enabled(if: hasPython, "no python3: the second implementation is NOT run"), .timeLimit(.minutes(1)))
    func theScriptOnThePagePrintsTheVectorsOnThePage() throws {
        let python = try ChildProcess("python3", ["-c", try Self.block("python")], environment: [:], in: "/tmp")
        #expect(python.waitForExit() == 0)
        #expect(python.text == (try Self.block("text")))
    }

    @Test func theScoresAreThePages() throws {
        let vectors = try Self.vectors("score")
        #expect(vectors.count == 9)
        for vector in vectors {
            let score = Rendezvous.score(
                try #require(Symbol(vector[1])), try #require(WorkerName(vector[2])),
                weight: try #require(Int(vector[3])))
            #expect(String(score, radix: 16) == vector[4].trimmingPrefix("0"), "\(vector)")
        }
    }

    @Test(arguments: [("place", false), ("weighted", true)])
    func thePlacesAreThePages(kind: String, isWeighted: Bool) throws {
        var state = Bench.workers(isWeighted ? 3 : 5)
        if isWeighted { state.register(WorkerName("ws-big")!, address: "127.0.0.1:1", weight: 3) }
        try state.dispatch(Bench.contracts, .hash)
        let vectors = try Self.vectors(kind)
        #expect(vectors.count == 10)
        for vector in vectors {
            #expect(state.placements[try #require(Symbol(vector[1]))]?.worker.text == vector[2])
        }
    }
}
