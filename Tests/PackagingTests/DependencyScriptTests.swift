import Foundation
import TestRigs
import Testing

/// Scripts/deps on machines made of stand-ins: what it says, and what it would install.
@Suite struct DependencyScriptTests {
    /// A PATH and a file system that hold only what a case gives them.
    private struct Machine {
        static let headers = [
            "librdkafka/rdkafka.h", "hiredis/hiredis.h", "openssl/ssl.h", "microhttpd.h", "yaml.h", "simdjson.h",
            "sqlite3.h", "postgresql/libpq-fe.h", "zlib.h",
            "curl/curl.h", "c++/12",
        ]
        static let programs = ["swift", "redis-server", "redis-cli", "openssl", "python3", "java", "javac"]
        static let files = ["usr/lib/postgresql/15/bin/initdb", "usr/share/java/postgresql.jar"]

        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder("machine")
            try FileManager.default.createDirectory(
                at: folder.url.appendingPathComponent("bin"), withIntermediateDirectories: true)
            for tool in ["bash", "env", "mktemp", "rm", "tail", "cat"] {
                let found = try #require(
                    ["/usr/bin/", "/bin/"].map { $0 + tool }.first { FileManager.default.fileExists(atPath: $0) })
                try FileManager.default.createSymbolicLink(
                    atPath: folder.file("bin/\(tool)"), withDestinationPath: found)
            }
            for path in Self.headers.map({ "usr/include/\($0)" }) + Self.files {
                let file = folder.url.appendingPathComponent(path)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data().write(to: file)
            }
            for program in Self.programs { try add(program, "exit 0") }
            try add("apt-get", #"echo "$@" >>"$MACHINE/installed""#)
            try add("apt-cache", "exit 0")
        }

        func add(_ program: String, _ script: String) throws {
            let path = folder.file("bin/\(program)")
            try Data("#!/usr/bin/env bash\n\(script)\n".utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }

        func remove(_ program: String) throws {
            try FileManager.default.removeItem(atPath: folder.file("bin/\(program)"))
        }
        func removeHeader(_ name: String) throws { try removeFile("usr/include/\(name)") }
        func removeFile(_ path: String) throws {
            try FileManager.default.removeItem(atPath: folder.file(path))
        }

        func run(_ arguments: String..., user: Int = 0, kafka: String = "") throws -> (code: Int32, text: String) {
            // By its full path, since the script's own PATH has no more than the machine.
            try Checkout.run(
                "/usr/bin/env",
                ["PATH=\(folder.file("bin"))", "bash", Checkout.path("Scripts/deps")] + arguments,
                environment: [
                    "DEPS_ROOT": folder.path, "DEPS_UID": "\(user)", "KAFKA_HOME": kafka, "MACHINE": folder.path,
                ])
        }

        /// The lines with which apt-get was called.
        var calls: [String] {
            let text = (try? String(contentsOfFile: folder.file("installed"), encoding: .utf8)) ?? ""
            return text.split(separator: "\n").map(String.init)
        }
    }

    @Test func whereNothingIsMissingNothingIsSaidOrStarted() throws {
        let machine = try Machine()
        #expect(try machine.run() == (0, ""))
        #expect(try machine.run("test", kafka: "/opt/kafka") == (0, ""))
        #expect(try machine.run("bench", kafka: "/opt/kafka") == (0, ""))
        #expect(machine.calls.isEmpty)
    }

    @Test(arguments: [
        ("librdkafka/rdkafka.h", "librdkafka-dev"), ("hiredis/hiredis.h", "libhiredis-dev"),
        ("openssl/ssl.h", "libssl-dev"), ("microhttpd.h", "libmicrohttpd-dev"), ("yaml.h", "libyaml-dev"),
        ("simdjson.h", "libsimdjson-dev"), ("sqlite3.h", "libsqlite3-dev"),
        ("postgresql/libpq-fe.h", "libpq-dev"), ("zlib.h", "zlib1g-dev"),
        ("curl/curl.h", "libcurl4-openssl-dev"), ("c++", "g++"),
    ])
    func aMissingHeaderBringsItsPackage(header: String, package: String) throws {
        let machine = try Machine()
        try machine.removeHeader(header)
        let (code, text) = try machine.run()
        #expect(code == 0)
        #expect(
            text.contains("Missing packages: \(package)\n  apt-get install -y --no-install-recommends \(package)\n"))
        #expect(machine.calls == ["install -y --no-install-recommends \(package)"])
    }

    @Test func allThatIsMissingIsInstalledInOneLine() throws {
        let machine = try Machine()
        try machine.removeHeader("yaml.h")
        try machine.remove("redis-server")
        try machine.remove("redis-cli")
        #expect(try machine.run().code == 0)
        #expect(machine.calls == ["install -y --no-install-recommends libyaml-dev redis-server redis-tools"])
    }

    @Test func whatOnlyTestsNeedIsNotAskedForToBuild() throws {
        let machine = try Machine()
        for program in ["python3", "openssl", "java"] { try machine.remove(program) }
        #expect(try machine.run() == (0, ""))
        #expect(try machine.run("test").code == 0)
        #expect(machine.calls == ["install -y --no-install-recommends openssl python3"])
    }

    @Test func whatOnlyBenchmarksNeedIsNotAskedForToTest() throws {
        let machine = try Machine()
        try machine.remove("javac")
        for file in Machine.files { try machine.removeFile(file) }
        #expect(try machine.run() == (0, ""))
        #expect(try machine.run("test").code == 0)
        #expect(try machine.run("bench").code == 0)
        #expect(
            machine.calls == [
                "install -y --no-install-recommends postgresql-15",
                "install -y --no-install-recommends postgresql-15 openjdk-17-jdk-headless libpostgresql-jdbc-java",
            ])
    }

    @Test func aPackageIsCalledWhatThisDistributionCallsIt() throws {
        let machine = try Machine()
        try machine.remove("java")
        try machine.add("apt-cache", #"[[ "$*" == *openjdk-21-jre-headless ]]"#)
        #expect(try machine.run("test", kafka: "/opt/kafka").code == 0)
        #expect(machine.calls == ["install -y --no-install-recommends openjdk-21-jre-headless"])
    }

    @Test func anOldListOfPackagesIsFetchedOnce() throws {
        let machine = try Machine()
        try machine.removeHeader("yaml.h")
        try machine.add("apt-cache", #"[ -e "$MACHINE/fresh" ]"#)
        try machine.add(
            "apt-get", #"echo "$@" >>"$MACHINE/installed"; [ "$1" != update ] || echo >"$MACHINE/fresh""#)
        #expect(try machine.run().code == 0)
        #expect(machine.calls == ["update", "install -y --no-install-recommends libyaml-dev"])
    }

    @Test func anotherUserInstallsBySudoWithoutBeingAsked() throws {
        let machine = try Machine()
        try machine.removeHeader("yaml.h")
        try machine.add("sudo", #"echo "sudo $1" >>"$MACHINE/installed"; [ "$1" = -n ] && shift; "$@""#)
        try machine.add("true", "exit 0")
        let (code, text) = try machine.run(user: 1000)
        #expect(code == 0)
        #expect(text.contains("  sudo -n apt-get install -y --no-install-recommends libyaml-dev\n"))
        #expect(machine.calls.contains("install -y --no-install-recommends libyaml-dev"))
    }

    @Test func whatStandsInTheWayIsSaidWithItsRemedy() throws {
        let line = "apt-get update && apt-get install -y --no-install-recommends libyaml-dev"
        func refused(_ sentence: String, user: Int = 0, _ change: (Machine) throws -> Void) throws {
            let machine = try Machine()
            try machine.removeHeader("yaml.h")
            try change(machine)
            let (code, text) = try machine.run(user: user)
            #expect(code == 1)
            #expect(text.contains(sentence), "\(text)")
        }
        try refused("installing needs root, and sudo is not here. As root run: \(line)", user: 1000) { _ in }
        try refused("sudo refused. As root run: \(line)", user: 1000) { try $0.add("sudo", "exit 1") }
        try refused("missing: libyaml-dev. There is no apt-get here") { try $0.remove("apt-get") }
        try refused("apt-get update failed: is there a network? Then run: \(line)") {
            try $0.add("apt-get", "echo 'E: Temporary failure resolving' >&2; exit 100")
        }
        try refused("this release of the distribution has no package libyaml-dev") {
            try $0.add("apt-cache", "exit 100")
        }
        try refused("the packages could not be installed") {
            try $0.add("apt-get", #"[ "$1" = update ] || { echo 'E: dpkg was interrupted' >&2; exit 100; }"#)
        }
    }

    @Test func withoutSwiftItSaysWhereToGetIt() throws {
        let machine = try Machine()
        try machine.remove("swift")
        let (code, text) = try machine.run()
        #expect(code == 1)
        #expect(text.contains("install it from https://www.swift.org/install/linux"))
    }
}
