import Foundation
import TestRigs
import Testing

@Suite struct MakefileTests {
    /// A terminal's Ctrl-C reaches the whole group, a supervisor's SIGTERM only make.
    @Test(.timeLimit(.minutes(1)), arguments: [(SIGINT, true), (SIGTERM, false), (SIGTERM, true)])
    func endingMakeUpEndsWhatItStarted(signal: Int32, wholeGroup: Bool) throws {
        let folder = try TemporaryFolder("make-up")
        let standIn = folder.file("klinecast")
        // It takes SIGINT even where the tests were started in a background that ignores it.
        let script = """
            #!/usr/bin/env python3
            import os, signal, sys
            both = {signal.SIGINT, signal.SIGTERM}
            signal.pthread_sigmask(signal.SIG_BLOCK, both)
            for number in both:
                signal.signal(number, lambda number, frame: None)
            print("running", sys.argv[1:], os.getpid(), flush=True)
            print("ended by", int(signal.sigwait(both)), flush=True)
            """
        try Data(script.utf8).write(to: URL(fileURLWithPath: standIn))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: standIn)

        let make = try ChildProcess("make", ["-o", "build", "up", "KLINECAST=\(standIn)"], in: Checkout.root.path)
        let started = try eventually("the stand-in runs") {
            try Checkout.matches(#"^running \['up'\] (\d+)$"#, in: make.text).first.flatMap { Int32($0) }
        }
        // Nobody waits for ever for a stand-in that was not told to end.
        defer { kill(started, SIGKILL) }
        if wholeGroup {
            #expect(getpgid(make.identifier) == make.identifier, "make leads its group, as in a terminal")
            kill(-make.identifier, signal)
        } else {
            make.signal(signal)
        }
        try eventually("the stand-in is told") { make.text.contains("ended by \(signal)\n") }
        try eventually("make ends") { !make.isRunning }
        try eventually("the stand-in is gone") { kill(started, 0) != 0 }
    }

    @Test func helpListsEveryTarget() throws {
        let (code, text) = try Checkout.run("make", [])
        #expect(code == 0)
        let listed = try Checkout.matches(#"^  make ([a-z]+) +\S"#, in: text)
        let optional = ["bench": "Benchmarks/run", "fuzz": "Scripts/fuzz", "torture": "Scripts/torture"]
            .filter { !Checkout.has($0.value) }.map(\.key)
        #expect(Set(listed) == Set(try Self.targets()).subtracting(optional))
        #expect(listed.count == Set(listed).count)
    }

    @Test func everyTargetThatADocumentNamesIsThere() throws {
        let targets = try Set(Self.targets())
        for page in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"] {
            let named = try Checkout.matches(#"(?:^|`)make ([a-z ]+)"#, in: try Checkout.text(page))
                .flatMap { $0.split(separator: " ").map(String.init) }
            #expect(!named.isEmpty || page == "ARCHITECTURE.md")
            for target in named { #expect(targets.contains(target), "\(page): make \(target)") }
        }
    }

    @Test func theReadmeBeginsWithItsTwoCommands() throws {
        #expect(try Checkout.matches(#"^make ([a-z]+)"#, in: try Checkout.text("README.md")) == ["up", "test"])
    }

    @Test func aRecipeIsQuietUnlessItFails() throws {
        let quietly = Checkout.path("Scripts/quietly")
        #expect(try Checkout.run(quietly, ["echo", "words"]) == (0, ""))
        let (code, text) = try Checkout.run(quietly, ["sh", "-c", "echo words; exit 7"])
        #expect(code == 7)
        #expect(text.contains("failed (7): sh -c echo words; exit 7\nwords\n"))
    }

    /// The program's end decides, and what failed stands last, in the words of its own lines.
    @Test func aTestRunEndsWithWhatFailed() throws {
        let folder = try TemporaryFolder("run-tests")
        let script = """
            printf '%s\\n' '◇ Test run started.' '◇ Test late() started.' '◇ Test wrong() started.'
            printf '\\033[91m✘\\033[0m Test wrong() recorded an issue at A.swift:1:1: Expectation failed: 1 == 2\\n'
            printf '%s\\n' '↳ the detail' '✘ Test wrong() failed after 1 seconds with 1 issue.'
            printf '%s\\n' '━ Test known() recorded a known issue at B.swift:2:2: as ever' '↳ as ever'
            printf '%s\\n' '━ Test known() passed after 1 seconds with 1 known issue.' '◇ Test late() goes on'
            """
        let failed = """
            ✘ Test wrong() recorded an issue at A.swift:1:1: Expectation failed: 1 == 2
            ↳ the detail
            ✘ Test wrong() failed after 1 seconds with 1 issue.

            """
        func ends(_ last: String, _ code: Int32) throws -> String {
            let arguments = [folder.file("log"), "sh", "-c", script + "\n" + last]
            let result = try Checkout.run(Checkout.path("Scripts/run-tests"), arguments)
            #expect(result.code == code)
            #expect(result.text.hasPrefix(try String(contentsOfFile: folder.file("log"), encoding: .utf8)))
            return result.text
        }
        func head(_ code: Int) -> String { "\nfailed (\(code)), all lines are in \(folder.file("log")):\n" }
        let line = "✘ Test run with 3 tests failed after 1 seconds with 1 issue."
        #expect(try ends("echo '\(line)'; exit 1", 1).hasSuffix(head(1) + failed + line + "\n"))
        let crash = "The program ended while these ran:\nTest late()\n"
        #expect(try ends("kill -KILL $$", 137).hasSuffix(head(137) + failed + crash))
        #expect(try ends("exit 0", 0).hasSuffix("\n◇ Test late() goes on\n"))
        for target in ["test", "asan", "tsan"] {
            let plan = try Checkout.run("make", ["-n", target]).text
            #expect(plan.contains("Scripts/run-tests .build"), "\(target)")
        }
    }

    private static func targets() throws -> [String] {
        try Checkout.matches(#"^([a-z]+):(?!=)"#, in: try Checkout.text("Makefile"))
    }
}
