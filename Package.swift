// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is compiled alike: memory safety is checked, a warning stops the build, and a C type
/// cannot leave the bridge that imported it without the word `package` or `public` in front of the import.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // The run-time half of the law of exclusivity costs the hot path 5 % of its CPU (measured). Debug builds, and so
    // every test, keep it.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func shim(_ name: String, libraries: [String] = []) -> Target {
    .target(name: name, linkerSettings: libraries.map { .linkedLibrary($0) })
}

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestRigs"], swiftSettings: strict)
}

let package = Package(
    name: "klinecast",
    products: [.executable(name: "klinecast", targets: ["klinecast"])],
    targets: [
        // One shim a C library: its headers, and a one-line function for each thing Swift cannot say.
        shim("CSystemShim"),
        shim("CKafkaShim", libraries: ["rdkafka"]),
        shim("CHiredisShim", libraries: ["hiredis"]),
        shim("COpenSSLShim", libraries: ["ssl", "crypto"]),
        shim("CMicrohttpdShim", libraries: ["microhttpd"]),
        shim("CYamlShim", libraries: ["yaml"]),
        shim("CSimdjsonShim", libraries: ["simdjson", "stdc++"]),
        shim("CSQLiteShim", libraries: ["sqlite3"]),
        shim("CPostgresShim", libraries: ["pq"]),
        shim("CZlibShim", libraries: ["z"]),
        shim("CCurlShim", libraries: ["curl"]),

        // What everything may use.
        module("MarketData"),
        module("Telemetry", ["CSystemShim", "MarketData"]),
        module("Configuration", ["CYamlShim", "MarketData"]),
        module("Records", ["CSystemShim", "Telemetry"]),

        // Symbols and workers to plans; no I/O.
        module("Assignment", ["MarketData"]),

        // Bridges: Swift owners of the C handles.
        module("Kafka", ["CKafkaShim", "CSystemShim", "Configuration", "Records", "Telemetry"]),
        module("Redis", ["CHiredisShim", "COpenSSLShim", "CSystemShim", "Configuration", "Telemetry"]),
        module("HTTP", ["CMicrohttpdShim", "Telemetry"]),
        module("Curl", ["CCurlShim", "Telemetry"]),
        module("SQLite", ["CSQLiteShim", "Telemetry"]),
        module("Postgres", ["CPostgresShim", "Configuration", "Telemetry"]),

        // The pipelines.
        module("Router", ["CSimdjsonShim", "CSystemShim", "MarketData", "Records", "Telemetry"]),
        module("Persister", ["CSimdjsonShim", "CSystemShim", "CZlibShim", "MarketData", "Records", "Telemetry"]),

        // Assignments in Redis, and all that changes them.
        module("Gateway", ["Assignment", "Configuration", "Curl", "HTTP", "MarketData", "Redis", "Telemetry"]),

        // The tables: what the persister writes and the commands read, in either database.
        module("Storage", ["Configuration", "MarketData", "Persister", "Postgres", "Records", "SQLite", "Telemetry"]),

        .executableTarget(
            name: "klinecast",
            dependencies: [
                "Assignment", "Configuration", "Gateway", "HTTP", "Kafka", "MarketData", "Persister", "Records",
                "Redis",
                "Router", "Storage", "Telemetry", "CSystemShim",
            ],
            swiftSettings: strict),

        // Fails on the first allocation of the hot path in steady state.
        .target(name: "CAllocationCounter"),
        .executableTarget(
            name: "AllocationGate",
            dependencies: ["CAllocationCounter", "MarketData", "Persister", "Records", "Router"],
            path: "Benchmarks/AllocationGate", swiftSettings: strict),

        // Prints how long plans and storing them take, and what the strategies' figures are.
        .executableTarget(
            name: "PlanBench", dependencies: ["Assignment", "Gateway", "MarketData", "Redis", "TestRigs"],
            path: "Benchmarks/PlanBench", swiftSettings: strict),

        // Real servers and other rigs that the tests share.
        .target(
            name: "TestRigs", dependencies: ["CSystemShim"], path: "Tests/TestRigs", swiftSettings: strict),
        // A process that stands for a worker, or for another gateway's controller.
        .executableTarget(
            name: "WorkerDouble",
            dependencies: [
                "Assignment", "Configuration", "Gateway", "HTTP", "MarketData", "Redis", "Telemetry", "CSystemShim",
            ],
            path: "Tests/WorkerDouble", swiftSettings: strict),
        tests("MarketDataTests", ["MarketData"]),
        tests("AssignmentTests", ["Assignment", "MarketData"]),
        tests("TelemetryTests", ["Telemetry"]),
        tests("ConfigurationTests", ["Configuration", "MarketData"]),
        tests("KafkaTests", ["Configuration", "Kafka", "Records"]),
        tests("RedisTests", ["Configuration", "Redis"]),
        tests("HTTPTests", ["HTTP", "Telemetry"]),
        tests("RouterTests", ["Router", "MarketData", "Records"]),
        tests("SQLiteTests", ["SQLite"]),
        tests("PostgresTests", ["Postgres", "Configuration"]),
        tests("PersisterTests", ["Persister", "MarketData", "Records"]),
        tests(
            "StorageTests", ["Storage", "Persister", "MarketData", "Records", "Configuration", "SQLite", "Postgres"]),
        tests("CommandTests", ["Records", "klinecast"]),
        tests(
            "GatewayTests",
            [
                "Assignment", "Configuration", "Curl", "Gateway", "HTTP", "MarketData", "Redis", "Telemetry",
                "WorkerDouble",
            ]),
        tests("PackagingTests", []),
        tests("IntegrationTests", ["Kafka", "Redis", "MarketData", "Records", "Storage", "klinecast"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

// libFuzzer brings its own main, so this target stands apart: `make fuzz`.
if Context.environment["KLINECAST_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["MarketData", "Records", "Router"], path: "Fuzz", exclude: ["corpus"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library", "-sanitize=fuzzer,address"])],
            // gold stumbles over the fuzzer's objects.
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]))
}
