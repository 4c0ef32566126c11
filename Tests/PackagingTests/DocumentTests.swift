import Foundation
import TestRigs
import Testing

/// Names that stand in more than one place.
@Suite struct DocumentTests {
    private static let optionsFile = "Sources/Configuration/Options.swift"

    private static func metrics(in text: String) throws -> Set<String> {
        let suffix = #"_(bucket|sum|count)$"#
        return Set(
            try Checkout.matches(#"(?:klinecast|process)_[a-z_]+[a-z]"#, in: text)
                .map { $0.replacingOccurrences(of: suffix, with: "", options: .regularExpression) })
    }

    private static func documentedMetrics() throws -> Set<String> {
        Set(try Checkout.matches(#"^\| `([a-z_]+)` \|"#, in: try Checkout.text("docs/operating/metrics.md")))
    }

    @Test func alertsAndDashboardAskOnlyForDocumentedMetrics() throws {
        let documented = try Self.documentedMetrics()
        #expect(documented.count > 10)
        for file in ["config/alerts.yml", "config/grafana/router.json"] {
            let asked = try Self.metrics(in: try Checkout.text(file))
            #expect(!asked.isEmpty)
            #expect(asked.subtracting(documented).isEmpty, "\(file)")
        }
        let dashboard = try JSONSerialization.jsonObject(
            with: Data(try Checkout.text("config/grafana/router.json").utf8))
        #expect((dashboard as? [String: Any])?["panels"] is [Any])
    }

    /// What the sources write to the page is what the document lists, no more and no less.
    @Test func everyMetricIsDocumented() throws {
        let sources = try Checkout.run("git", ["ls-files", "Sources/*.swift"]).text.split(separator: "\n")
        let written = try sources.flatMap { file in
            try Checkout.matches(
                #"page\.(?:counter|gauge|histogram)\(\s*"((?:klinecast|process)_[a-z_]+)""#,
                in: try Checkout.text(String(file)))
        }
        #expect(try Set(written) == Self.documentedMetrics())
    }

    @Test func everyAlertSaysWhatToDo() throws {
        let alerts = try Checkout.matches(#"alert: (\w+)"#, in: try Checkout.text("config/alerts.yml"))
        let explained = try Checkout.matches(
            #"^\| (Klinecast\w+) \|"#, in: try Checkout.text("docs/operating/metrics.md"))
        #expect(alerts == explained)
    }

    /// A variable that a page, the image or compose sets is one that the binary reads.
    @Test(
        .enabled(if: Checkout.has(optionsFile), "the declared options are not here: variables are NOT compared"),
        arguments: [
            "README.md", "docker-compose.yml", "Dockerfile", "docs/contracts/redis.md", "docs/operating/running.md",
            "docs/operating/troubleshooting.md", "docs/operating/dead-letters.md", "docs/operating/moving-over.md",
            "docs/operating/assignment.md",
        ])
    func everyVariableIsAnOption(file: String) throws {
        let known = Set(try Checkout.matches(#""([A-Z][A-Z0-9_]+)""#, in: try Checkout.text(Self.optionsFile)))
        var text = try Checkout.text(file)
        if file == "docker-compose.yml" {
            // Only the router's own service: the others' variables belong to their images.
            let start = try #require(text.range(of: "\n  dispatcher:")).upperBound
            let end = try #require(text.range(of: "\n  prometheus:")).lowerBound
            text = String(text[start..<end])
        }
        let pattern =
            switch file {
            case "docker-compose.yml": #"^      ([A-Z][A-Z0-9_]+): "#
            case "Dockerfile": #"^ENV ([A-Z0-9_]+)="#
            default: #"`([A-Z][A-Z0-9]*_[A-Z0-9_]+|START|SINKS|SYMBOLS|ENVELOPE|PERSIST)(?:=[^`]*)?`"#
            }
        let named = Set(try Checkout.matches(pattern, in: text))
        #expect(!named.isEmpty)
        // Make's own, and what redis-start.sh reads.
        #expect(named.subtracting(known).subtracting(["KAFKA_HOME", "REDIS_ROUTER_PASSWORD"]).isEmpty)
    }

    @Test func everyDecisionIsListed() throws {
        let folder = Checkout.path("docs/decisions")
        let pages = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0 != "README.md" }.sorted()
        let listed = try Checkout.matches(
            #"\]\((\d{4}-[a-z-]+\.md)\)"#, in: try Checkout.text("docs/decisions/README.md"))
        #expect(listed == pages)
        for page in pages {
            let text = try Checkout.text("docs/decisions/\(page)")
            for part in ["**Context.**", "**Decision.**", "**The number.**", "**What would change our mind.**"] {
                #expect(text.contains(part), "\(page): \(part)")
            }
        }
    }

    @Test func theContractAndTheDeadLetterPageNameTheHeadersThatAreWritten() throws {
        let pattern = #"`(klinecast\.[a-z.]+)`"#
        let contract = Set(try Checkout.matches(pattern, in: try Checkout.text("docs/contracts/redis.md")))
        let page = Set(try Checkout.matches(pattern, in: try Checkout.text("docs/operating/dead-letters.md")))
        #expect(contract == page)
        let writer = try Checkout.text("Sources/klinecast/Wiring/DeadLetterWriter.swift")
        #expect(contract == Set(try Checkout.matches(#"= "(klinecast\.[a-z.]+)""#, in: writer)))
    }

    @Test func everyReasonOfADeadLetterIsExplained() throws {
        let reasons = try [
            ("Sources/Router/Sinks.swift", "enum RefusalReason"),
            ("Sources/Persister/PersistRefusal.swift", "enum PersistRefusal"),
        ].flatMap { file, declaration in
            let source = try Checkout.text(file)
            let start = try #require(source.range(of: declaration)).upperBound
            let end = try #require(source.range(of: "\n}", range: start..<source.endIndex)).lowerBound
            return try Checkout.matches(#"case \w+ = "(\w+)""#, in: String(source[start..<end]))
        }
        let page = try Checkout.matches(#"^\| `(\w+)` \|"#, in: try Checkout.text("docs/operating/dead-letters.md"))
        #expect(Set(page) == Set(reasons))
    }
}
