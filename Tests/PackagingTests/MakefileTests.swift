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

    private static func targets() throws -> [String] {
        try Checkout.matches(#"^([a-z]+):(?!=)"#, in: try Checkout.text("Makefile"))
    }
}
