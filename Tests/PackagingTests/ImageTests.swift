import Foundation
import TestRigs
import Testing

/// The Dockerfile beside what the project knows of its packages and folders.
@Suite struct ImageTests {
    private static var isDebian12: Bool {
        let release = (try? String(contentsOfFile: "/etc/os-release", encoding: .utf8)) ?? ""
        return release.contains("VERSION_CODENAME=bookworm")
    }

    private static func packages(_ pattern: String) throws -> Set<String> {
        let image = try Checkout.text("Dockerfile")
        let words = try Checkout.matches(#"^ {8}((?:[a-z0-9.+-]+ )+)\\$"#, in: image)
            .flatMap { $0.split(separator: " ").map(String.init) }
        return Set(try words.filter { try !Checkout.matches(pattern, in: $0).isEmpty })
    }

    @Test func theImageIsBuiltWithThePackagesOfMakeDeps() throws {
        let asked = try Checkout.matches(#"^header \S+ (\S+-dev)$"#, in: try Checkout.text("Scripts/deps"))
        #expect(asked.count == 10)
        #expect(try Self.packages("-dev$") == Set(asked))
    }

    /// Each `-dev` package of Debian 12 depends on the library package that the image has.
    @Test(.enabled(if: isDebian12, "not Debian 12: the image's library packages are NOT compared"))
    func theImageHasTheLibrariesOfThoseHeaders() throws {
        let running = try Self.packages("^(?!.*-dev$)")
        for package in try Self.packages("-dev$") {
            let (code, text) = try Checkout.run("dpkg-query", ["-W", "-f", "${Depends}", package])
            #expect(code == 0, "\(package): \(text)")
            let needed = Set(text.split(separator: ",").map { String($0.split(separator: " ")[0]) })
            #expect(!needed.isDisjoint(with: running), "\(package) needs one of \(needed)")
        }
    }

    @Test func onlyThePackageGetsIntoTheImage() throws {
        let ignored = try Checkout.text(".dockerignore").split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(ignored.first == "*")
        let kept = Set(ignored.dropFirst().map { String($0.dropFirst()) })
        #expect(kept.isSubset(of: ["Package.swift", "Sources", "Tests", "Benchmarks", "Fuzz"]))
        let folders = try Checkout.matches(#"path: "([A-Za-z]+)"#, in: try Checkout.text("Package.swift"))
        #expect(kept.isSuperset(of: ["Package.swift", "Sources", "Tests"] + folders))
    }

    @Test func theImageIsNotRoot() throws {
        let lines = try Checkout.text("Dockerfile").split(separator: "\n").map(String.init)
        let user = try #require(lines.lastIndex { $0.hasPrefix("USER ") })
        let entry = try #require(lines.lastIndex { $0.hasPrefix("ENTRYPOINT ") })
        #expect(lines[user] != "USER root" && lines[user] != "USER 0")
        #expect(user < entry)
        #expect(!lines[user...].contains { $0.hasPrefix("RUN ") || $0.hasPrefix("FROM ") })
    }
}
