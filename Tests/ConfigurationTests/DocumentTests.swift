import Configuration
import Foundation
import Testing

/// The generated texts. Run with UPDATE_DOCUMENTS=1 they are written anew.
@Suite struct DocumentTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private func expect(_ path: String, equals text: String) throws {
        let file = Self.root.appendingPathComponent(path)
        if ProcessInfo.processInfo.environment["UPDATE_DOCUMENTS"] == "1" {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        let found = try String(contentsOf: file, encoding: .utf8)
        #expect(
            found == text,
            "\(path) is older than the declarations: UPDATE_DOCUMENTS=1 swift test --filter DocumentTests")
    }

    @Test func theSampleFileIsWhatTheDeclarationsGive() throws {
        try expect("config/klinecast.yaml", equals: SettingsDocuments.sampleFile)
    }

    @Test func theDocumentationPageIsWhatTheDeclarationsGive() throws {
        try expect("docs/operating/configuration.md", equals: SettingsDocuments.markdownPage)
    }

    @Test func theSampleFileChangesNothing() throws {
        let settings = try Settings(file: SettingsDocuments.sampleFile)
        for option in Options.all { #expect(!settings.isGiven(option.name), "\(option.name)") }
    }

    @Test func everyOptionOfTheSampleFileHoldsWithItsCommentMarkRemoved() throws {
        let opened = SettingsDocuments.sampleFile.split(separator: "\n").map { line in
            let text = line.drop { $0 == " " }
            let isOption = text.first == "#" && text.dropFirst().first.map { $0 != " " } ?? false
            return isOption ? String(line.replacing("#", with: "", maxReplacements: 1)) : String(line)
        }
        let settings = try Settings(file: opened.joined(separator: "\n"))
        let builtIn = try Settings(file: "")
        for option in Options.all {
            let isGiven = option.defaultText != nil || option.kind == .map || option.kind == .routes
            #expect(settings.isGiven(option.name) == isGiven, "\(option.name)")
            if option.defaultText != nil {
                #expect(settings.entry(option.name).value == builtIn.entry(option.name).value, "\(option.name)")
            }
        }
    }

    @Test func everyOptionIsDeclaredOnceAndComplete() {
        #expect(Set(Options.all.map(\.name)).count == Options.all.count)
        let flags = Options.all.compactMap(\.flag)
        #expect(Set(flags).count == flags.count)
        let variables = Options.all.flatMap(\.allEnvironment)
        #expect(Set(variables).count == variables.count)
        for option in Options.all {
            #expect(option.sentence.hasSuffix("."), "\(option.name)")
            #expect(Options.sections.contains { $0.name == option.section }, "\(option.name)")
            if option.kind == .secret { #expect(option.flag == nil, "a secret has no flag: \(option.name)") }
            #expect(!option.sentence.contains("#") && !(option.defaultText ?? "").contains(" "), "\(option.name)")
        }
    }

    @Test func helpNamesEveryFlagOfTheCommandAndNoOther() {
        let command = CommandDescription(
            "router", "Kafka to Redis.", flags: [CommandFlag("json", "As JSON.")], sections: ["kafka", "router"],
            examples: ["klinecast router --start earliest"])
        let help = SettingsDocuments.help(for: command).split { $0.isWhitespace }.joined(separator: " ")
        for option in command.options {
            if let flag = option.flag { #expect(help.contains(flag), "\(flag)") }
            if let text = option.defaultText { #expect(help.contains("[default: \(text)]"), "\(option.name)") }
        }
        for flag in ["--json", "--config FILE", "--help"] { #expect(help.contains(flag)) }
        #expect(!help.contains("--redis-url"))
        #expect(help.contains("--[no-]legacy-channels"))
    }
}
