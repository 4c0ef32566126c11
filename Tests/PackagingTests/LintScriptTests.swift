import Foundation
import TestRigs
import Testing

/// Scripts/lint in a small project of its own. Words it looks for are put together here, so that it does not find them.
@Suite struct LintScriptTests {
    private static let share = "share" + "d"

    @Test func aCleanProjectPassesInSilence() throws {
        let page = "# Title, with `code`\n\n[here](#title-with-code) [file](../README.md) [site](https://swift.org)\n"
        let files = ["docs/page.md": page, "README.md": "# R\n", "Sources/A.swift": "let a = 1\n"]
        #expect(try Self.lint(files) == (0, ""))
    }

    @Test(arguments: [
        ("Sources/A.swift", "// TOD" + "O: later\n", "Sources/A.swift:1:"),
        ("Tests/A.swift", "let a = 1 // FIXM" + "E\n", "Tests/A.swift:1:"),
        ("docs/a.md", "See /hom" + "e/me/file\n", "docs/a.md:1:"),
        ("Scripts/a", "cp ../" + share + "/x .\n", "Scripts/a:1:"),
        ("Dockerfile", "RUN curl https://deb" + ".example.org/x\n", "Dockerfile:1:"),
        ("config/key.pem", "-----BEGIN PRIVATE KE" + "Y-----\n", "config/key.pem:1:"),
        ("docs/a.md", "[gone](missing.md)\n", "docs/a.md:1: missing.md"),
        ("docs/a.md", "# One\n\n[part](#two)\n", "docs/a.md:3: #two (no such heading)"),
        ("docs/a.md", "trailing \n", "docs/a.md:1:"),
        ("docs/a.md", "no newline", "docs/a.md"),
        ("Scripts/broken", "#!/usr/bin/env bash\nif\n", "Scripts/broken does not parse"),
    ])
    func whatDoesNotBelongIsNamedWithItsPlace(file: String, content: String, report: String) throws {
        let (code, text) = try Self.lint([file: content])
        #expect(code == 1)
        #expect(text.contains(report), "\(text)")
    }

    @Test func aLongFileIsNamedWithItsLength() throws {
        let line = "let a = 1\n"
        #expect(try Self.lint(["Sources/Long.swift": String(repeating: line, count: 500)]).code == 0)
        let (code, text) = try Self.lint(["Sources/Long.swift": String(repeating: line, count: 501)])
        #expect(code == 1)
        #expect(text.contains("Sources/Long.swift: 501 lines"))
    }

    private static func lint(_ files: [String: String]) throws -> (code: Int32, text: String) {
        let folder = try TemporaryFolder("lint")
        for (name, content) in files {
            let url = folder.url.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(content.utf8).write(to: url)
        }
        let scripts = folder.url.appendingPathComponent("Scripts")
        try FileManager.default.createDirectory(at: scripts, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: Checkout.path("Scripts/lint"), toPath: folder.file("Scripts/lint"))
        #expect(try Checkout.run("git", ["init", "-q", folder.path]).code == 0)
        return try Checkout.run(folder.file("Scripts/lint"), [], in: folder.path)
    }
}
