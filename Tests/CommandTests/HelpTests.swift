import Foundation
import TestRigs
import Testing

@testable import klinecast

@Suite struct HelpTests {
    @Test(arguments: CommandTable.names.filter { $0 != "help" })
    func everyCommandExplainsItself(_ name: String) throws {
        let byFlag = try Program.run(name, "--help")
        let byWord = try Program.run("help", name)
        #expect(byFlag.code == 0)
        #expect(byFlag.output.contains("Usage: klinecast \(name)"))
        #expect(byFlag.output == byWord.output)
        #expect(byFlag.talk.isEmpty)
    }

    @Test(arguments: [[], ["help"], ["--help"], ["-h"]]) func theOverviewNamesEveryCommand(_ words: [String]) throws {
        let result = try Program(words).result()
        #expect(result.code == 0)
        for name in [
            "up", "gateway", "dispatch", "assignment", "workers", "broker", "feed", "route", "tail", "check", "config",
            "bench", "version",
        ] {
            #expect(result.output.contains("\n  \(name) "))
        }
    }

    /// The README's table has each command once, in the order of `klinecast help`.
    @Test func theReadmeListsWhatTheOverviewLists() throws {
        func words(_ pattern: String, _ text: String) throws -> [String] {
            let expression = try NSRegularExpression(pattern: pattern, options: .anchorsMatchLines)
            return expression.matches(in: text, range: NSRange(text.startIndex..., in: text))
                .compactMap { Range($0.range(at: 1), in: text).map { String(text[$0]) } }
        }
        let readme = try String(contentsOfFile: Program.package + "/README.md", encoding: .utf8)
        let overview = try Program.run("help").output
        let listed = try words("^\\| `klinecast ([a-z]+)[^|]*\\|", readme)
        #expect(!listed.isEmpty)
        #expect(try listed == words("^  ([a-z]+) {2,}", overview))
    }

    @Test func aTypoGetsASuggestion() throws {
        let command = try Program.run("brokr")
        #expect(command.code == 2)
        #expect(command.output.isEmpty)
        #expect(command.talk == "klinecast: unknown command brokr; did you mean `klinecast broker`?\n")
        #expect(try Program.run("ws:dispatc").talk.contains("did you mean `klinecast ws:dispatch`?"))
        let flag = try Program.run("feed", "--rat", "3", "BTCUSDT-1m.csv")
        #expect(flag.code == 2)
        #expect(flag.talk.contains("unknown flag --rat; did you mean --rate?"))
    }

    @Test func whatIsFarFromEveryCommandGetsNoSuggestion() throws {
        let result = try Program.run("xylophone")
        #expect(result.code == 2)
        #expect(result.talk.contains("`klinecast help` lists the commands"))
    }

    @Test func controlCharactersOfAnArgumentDoNotReachTheTerminal() throws {
        #expect(!(try Program.run("\u{1b}[31mx")).talk.contains("\u{1b}"))
    }

    @Test func versionNamesTheLibraries() throws {
        let result = try Program.run("version", "--json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let libraries = try #require(json["libraries"] as? [String: Any])
        for name in ["librdkafka", "hiredis", "openssl", "libmicrohttpd", "libcurl", "simdjson", "libyaml", "swift"] {
            #expect((libraries[name] as? String)?.first?.isNumber == true, "\(name)")
        }
    }

    @Test func aReaderThatWentAwayEndsTheCommandQuietly() throws {
        let script = "'\(Program.path)' config --markdown 2>err | true; echo ${PIPESTATUS[0]}; wc -c < err"
        let folder = try TemporaryFolder("pipe")
        let shell = try ChildProcess("bash", ["-c", script], in: folder.path)
        shell.waitForExit()
        #expect(shell.text == "0\n0\n")
    }

    /// What `klinecast brokr` ends with: the suggestion is lost, the exit code is not.
    @Test(arguments: ["2>/dev/full", "2>&1 >/dev/null | true", "2>&-"])
    func talkThatCannotBeWrittenChangesNoExitCode(_ redirection: String) throws {
        let script = "('\(Program.path)' brokr; echo $? >code) \(redirection); cat code"
        let folder = try TemporaryFolder("talk")
        let shell = try ChildProcess("bash", ["-c", script], in: folder.path)
        shell.waitForExit()
        #expect(shell.text == "2\n")
    }

    @Test(arguments: [">&-", "<&- >&-", "<&- >&- 2>&-"])
    func aClosedDescriptorIsNoneOfOurs(_ redirection: String) throws {
        let folder = try TemporaryFolder("closed")
        let shell = try ChildProcess(
            "bash", ["-c", "'\(Program.path)' version \(redirection); echo $?"], in: folder.path)
        shell.waitForExit()
        #expect(shell.text == "0\n")
    }

    @Test func whatIsCutEndsWithAnEllipsis() {
        #expect(Terminal.plain(String(repeating: "x", count: 80)) == String(repeating: "x", count: 80))
        #expect(Terminal.plain(String(repeating: "x", count: 81)) == String(repeating: "x", count: 79) + "…")
        #expect(Terminal.plain("a\u{1b}b\nc", limit: 3) == "a?…")
    }
}
