import Configuration
import Foundation
import Kafka
import Storage
import Telemetry

/// What runs here, down to the libraries, for a bug report.
struct VersionCommand: Command {
    static let description = CommandDescription(
        "version", "Show the versions of klinecast and its libraries.",
        flags: [CommandFlag("json", "One JSON object.")], examples: ["klinecast version --json"])

    /// The one place where the version stands.
    static let version = "0.1.0"

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        if invocation.arguments.has("json") {
            var json = JSONWriter()
            json.object { json in
                json.member("klinecast", Self.version)
                json.member(
                    "libraries",
                    object: { json in
                        for library in Self.libraries { json.member(library.name, library.version) }
                    })
            }
            Terminal.data(json)
        } else {
            var text = "klinecast \(Self.version)\n"
            for library in Self.libraries { text += "  \(library.name) \(library.version ?? "unknown")\n" }
            Terminal.data(text)
        }
        return .done
    }

    /// The libraries this process runs with, which may be newer than those it was built with.
    static var libraries: [(name: String, version: String?)] {
        [
            ("librdkafka", KafkaLibrary.versionText),
            ("hiredis", LoadedLibrary.fileVersion(ofFileNamed: "libhiredis.so")),
            (
                "openssl",
                LoadedLibrary.text(from: "OpenSSL_version", 0)?.split(separator: " ").dropFirst().first.map(String.init)
            ),
            ("libmicrohttpd", LoadedLibrary.text(from: "MHD_get_version", 0)),
            // `libcurl/8.5.0 OpenSSL/3.0.13 …`
            (
                "libcurl",
                LoadedLibrary.text(from: "curl_version", 0)?.split(separator: " ").first?.split(separator: "/").last
                    .map(String.init)
            ),
            ("simdjson", LoadedLibrary.fileVersion(ofFileNamed: "libsimdjson.so")),
            ("libyaml", LoadedLibrary.text(from: "yaml_get_version_string", 0)),
        ] + DatabaseLibraries.versions + [("swift", compiler)]
    }

    private static var compiler: String {
        #if swift(>=6.4)
            "6.4 or newer"
        #elseif swift(>=6.3)
            "6.3"
        #elseif swift(>=6.2)
            "6.2"
        #else
            "before 6.2"
        #endif
    }
}

/// Asks the loaded libraries themselves, through the dynamic linker.
enum LoadedLibrary {
    private typealias VersionText = @convention(c) (Int32) -> UnsafePointer<CChar>?

    /// What a function `const char *f(void)` or `const char *f(int)` says; nil where no loaded library has it.
    static func text(from function: String, _ argument: Int32) -> String? {
        guard let symbol = unsafe dlsym(nil, function) else { return nil }
        // A function without parameters does not look at the register that the argument stands in.
        let call = unsafe unsafeBitCast(symbol, to: VersionText.self)
        return unsafe call(argument).map { unsafe String(cString: $0) }
    }

    /// The version in the name of a mapped file, for a library that cannot say it itself.
    static func fileVersion(ofFileNamed prefix: String) -> String? {
        let bytes = try? FileHandle(forReadingAtPath: "/proc/self/maps")?.readToEnd()
        let maps = String(decoding: bytes ?? Data(), as: UTF8.self)
        let path = maps.split(separator: "\n").first { $0.contains("/\(prefix)") }?.split(separator: " ").last
        return path.flatMap { version(inPath: String($0)) }
    }

    private static func version(inPath path: String) -> String? {
        let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().lastPathComponent
        return file.firstRange(of: ".so.").map { String(file[$0.upperBound...]) }
    }
}
