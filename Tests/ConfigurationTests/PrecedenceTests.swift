import Configuration
import Foundation
import TestRigs
import Testing

private let command = CommandDescription(
    "router", "Kafka to Redis.",
    flags: [
        CommandFlag("json", "As JSON."), CommandFlag("count", value: "N", "How many."),
        CommandFlag("live", short: "l", "For good."), CommandFlag("rebalance", short: "r", "Level."),
        CommandFlag("capacity", short: "c", value: "N", "How many."),
    ],
    sections: ["kafka", "redis", "router", "process", "log"])

private func arguments(_ words: String...) throws(ConfigurationError) -> CommandLineArguments {
    try CommandLineArguments(parsing: words, for: command)
}

@Suite struct PrecedenceTests {
    @Test func aFlagWinsOverTheEnvironmentThisOverTheFileThisOverTheDefault() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("k.yaml")
        try "router:\n  stream_maxlen: 3\n".write(toFile: path, atomically: true, encoding: .utf8)
        func length(_ words: [String], _ environment: [String: String]) throws -> (Int, String) {
            let parsed = try CommandLineArguments(parsing: words, for: command)
            let settings = try Settings(arguments: parsed, environment: environment)
            return (settings.router.streamMaximumLength, settings.entry("router.stream_maxlen").origin.description)
        }
        #expect(try length([], [:]) == (10_000, "default"))
        #expect(try length(["--config", path], [:]) == (3, "\(path):2"))
        #expect(try length(["--config", path], ["STREAM_MAXLEN": "4"]) == (4, "STREAM_MAXLEN"))
        #expect(try length(["--config", path, "--stream-maxlen=5"], ["STREAM_MAXLEN": "4"]) == (5, "--stream-maxlen"))
        #expect(try length(["--config", path], ["STREAM_MAXLEN": ""]) == (3, "\(path):2"))
    }

    @Test func flagsAreReadInEveryForm() throws {
        let read = try arguments(
            "a.csv", "--redis-url", "redis://x", "--no-persist", "--json", "--count=3", "--", "--b")
        #expect(read.positional == ["a.csv", "--b"])
        #expect(read.flags == ["json": "", "count": "3"])
        #expect(read.settings.map(\.text) == ["redis://x", "off"])
        #expect(try arguments("--legacy-channels", "x").settings.first?.text == "on")
        #expect(try arguments("--legacy-channels=off").settings.first?.text == "off")
        #expect(try arguments("-h").has("help"))
        #expect(try arguments("-").positional == ["-"])
    }

    @Test(arguments: [
        (["-c", "20", "-l"], ["capacity": "20", "live": ""]), (["-c20"], ["capacity": "20"]),
        (["-c=20"], ["capacity": "20"]), (["-lr"], ["live": "", "rebalance": ""]),
        (["-lrc", "2"], ["live": "", "rebalance": "", "capacity": "2"]), (["-lc2"], ["live": "", "capacity": "2"]),
    ])
    func lettersStandForFlags(words: [String], flags: [String: String]) throws {
        let read = try CommandLineArguments(parsing: words, for: command)
        #expect(read.flags == flags && read.positional.isEmpty)
    }

    @Test(arguments: [
        (["--redis-ulr", "x"], "did you mean --redis-url?"), (["--jsn"], "did you mean --json?"),
        (["--qqqqqqqq"], "`klinecast router --help` lists the flags"), (["--redis-url"], "needs a value"),
        (["--count"], "needs a value (N)"), (["--json=1"], "takes no value"), (["--json", "--json"], "given twice"),
        (["--start", "1s", "--start=2s"], "given twice"), (["-x"], "unknown flag -x"),
        (["--rate", "5"], "unknown flag"), (["-c"], "--capacity: needs a value (N)"), (["-l=1"], "takes no value"),
        (["-l", "--live"], "given twice"), (["-rebalance"], "did you mean --rebalance?"),
    ])
    func aWrongFlagIsNamedWithItsRemedy(words: [String], part: String) {
        let error = #expect(throws: ConfigurationError.self) { try CommandLineArguments(parsing: words, for: command) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }

    @Test func bothNamesOfTheSymbolsAreReadAndADisagreementIsTold() throws {
        #expect(
            try Settings(file: "", environment: ["TRADING_SYMBOLS": "BTCUSDC, ethusdc"]).router.symbols == [
                "btcusdc", "ethusdc",
            ])
        let both = try Settings(file: "", environment: ["SYMBOLS": "A", "TRADING_SYMBOLS": "B"])
        #expect(both.router.symbols == ["a"])
        #expect(both.warnings == ["TRADING_SYMBOLS differs from SYMBOLS, which is used; unset one"])
    }

    @Test func aSecretComesFromItsFileAndIsNeverShown() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("secret")
        try "canary-7f3a\n".write(toFile: path, atomically: true, encoding: .utf8)
        let settings = try Settings(
            file:
                "redis:\n  url: redis://user:canary-url@h:1/2\nkafka:\n  properties: {ssl.key.password: canary-map}\n",
            environment: ["REDIS_PASSWORD_FILE": path, "CONTROL_TOKEN": "canary-token"])
        #expect(settings.entry("redis.password").value == .secret(Secret("canary-7f3a")))
        #expect(settings.redis.endpoint.password?.revealed == "canary-url")
        var dumped = ""
        dump(settings.redis.endpoint, to: &dumped)
        dump(settings.entry("redis.password"), to: &dumped)
        for text in [settings.effectiveText, "\(settings)", String(reflecting: settings), dumped] {
            #expect(!text.contains("canary"))
        }
        #expect(settings.effectiveText.contains("redis://user:***@h:1/2"))
        let both = #expect(throws: ConfigurationError.self) {
            try Settings(file: "", environment: ["REDIS_PASSWORD_FILE": path, "REDIS_PASSWORD": "x"])
        }
        #expect(both?.description == "redis.password: both REDIS_PASSWORD and REDIS_PASSWORD_FILE are set; unset one")
        let missing = #expect(throws: ConfigurationError.self) {
            try Settings(file: "", environment: ["CONTROL_TOKEN_FILE": folder.file("none")])
        }
        #expect(missing?.description.contains("No such file") == true)
    }

    @Test func onlyAVariableNearOneOfOursIsWarnedOf() throws {
        let settings = try Settings(
            file: "",
            environment: [
                "KAFKA_BROKERS": "x", "KAFKA_HOME": "x", "KAFKA_OPTS": "x", "REDIS_DIR": "x", "REDIS_ULR": "x",
                "KLINECAST_WHATEVER": "x",
                "KLINECAST_REDIS_URL": "x", "PATH": "x", "HOME": "x", "LOG_LEVL": "x", "JAVA_HOME": "x",
            ])
        #expect(
            settings.warnings == [
                "KAFKA_BROKERS is not read; did you mean KAFKA_BROKER?",
                "KLINECAST_REDIS_URL is no variable of klinecast; did you mean REDIS_URL?",
                "KLINECAST_WHATEVER is no variable of klinecast", "LOG_LEVL is not read; did you mean LOG_LEVEL?",
                "REDIS_ULR is not read; did you mean REDIS_URL?",
            ])
    }

    @Test func aMissingDefaultFileIsNothingAndANamedOneAnError() throws {
        _ = try Settings(arguments: try arguments(), environment: [:])
        let missing = try arguments("--config", "/nonexistent/k.yaml")
        #expect(throws: ConfigurationError.self) { try Settings(arguments: missing, environment: [:]) }
    }
}
