import Foundation
import TestRigs
import Testing

/// docker-compose.yml and what it mounts, as far as that can be told without an engine.
@Suite struct ComposeTests {
    private static let passwords = [
        "REDIS_ROUTER_PASSWORD": "one", "REDIS_GATEWAY_PASSWORD": "three", "REDIS_SUBSCRIBER_PASSWORD": "two",
        "CONTROL_TOKEN": "four four four four",
    ]
    private static let hasCompose = Checkout.isInstalled("docker-compose")

    /// A service's part of the file with all references resolved, as docker-compose prints it.
    private static func services() throws -> [String: String] {
        let (code, text) = try Checkout.run(
            "docker-compose", ["--profile", "monitoring", "config"], environment: passwords)
        try #require(code == 0, "\(text)")
        let start = try #require(text.range(of: "services:\n")).upperBound
        let end = text.range(of: "\nvolumes:", range: start..<text.endIndex)?.lowerBound ?? text.endIndex
        var services: [String: String] = [:]
        var name = ""
        for line in text[start..<end].split(separator: "\n") {
            if line.hasPrefix("  "), !line.hasPrefix("   "), line.hasSuffix(":") {
                name = String(line.dropFirst(2).dropLast())
            } else {
                services[name, default: ""] += line + "\n"
            }
        }
        return services
    }

    @Test(.enabled(if: hasCompose, "docker-compose is not installed: the compose file is NOT validated"))
    func theFileIsValidAndHardened() throws {
        let services = try Self.services()
        #expect(Set(services.keys) == ["kafka", "redis", "dispatcher", "gateway", "prometheus", "grafana"])
        for (name, service) in services {
            #expect(service.contains("cap_drop:\n    - ALL\n"), "\(name)")
            #expect(service.contains("no-new-privileges:true"), "\(name)")
            #expect(service.contains("mem_limit: "), "\(name)")
            #expect(service.contains("pids_limit: "), "\(name)")
            #expect(service.contains("read_only: true") || name == "kafka", "\(name)")
            #expect(!service.contains("docker.sock") && !service.contains("privileged: true"), "\(name)")
        }
        for name in ["kafka", "redis"] {
            #expect(services["dispatcher"]?.contains("\(name):\n        condition: service_healthy") == true)
            #expect(services[name]?.contains("healthcheck:") == true)
        }
        #expect(services["gateway"]?.contains("redis:\n        condition: service_healthy") == true)
    }

    @Test(
        .enabled(if: hasCompose, "docker-compose is not installed: the compose file is NOT validated"),
        arguments: [
            "REDIS_ROUTER_PASSWORD", "REDIS_GATEWAY_PASSWORD", "REDIS_SUBSCRIBER_PASSWORD", "CONTROL_TOKEN",
        ])
    func withoutAPasswordNothingStarts(missing: String) throws {
        let (code, text) = try Checkout.run(
            "docker-compose", ["config"], environment: Self.passwords.merging([missing: ""]) { $1 })
        #expect(code != 0)
        #expect(text.contains("set it in .env"))
    }

    @Test func everyVariableThatHasToBeSetStandsInTheExample() throws {
        let wanted = try Checkout.matches(#"(?<!\$)\$\{([A-Z_]+)"#, in: try Checkout.text("docker-compose.yml"))
        let example = try Checkout.matches(#"^([A-Z_]+)=$"#, in: try Checkout.text(".env.example"))
        #expect(Set(wanted) == Set(example))
        #expect(try Checkout.run("git", ["check-ignore", "-q", ".env"]).code == 0, ".env must never be committed")
    }

    @Test func everyMountedFileIsThereAndReadOnly() throws {
        let mounts = try Checkout.matches(#"^ +- (\./\S+)$"#, in: try Checkout.text("docker-compose.yml"))
        #expect(mounts.count == 7)
        for mount in mounts {
            let parts = mount.split(separator: ":").map(String.init)
            #expect(Checkout.has(parts[0]), "\(mount)")
            #expect(parts.last == "ro", "\(mount)")
        }
        #expect(FileManager.default.isExecutableFile(atPath: Checkout.path("config/redis-start.sh")))
    }

    @Test func filesThatNameEachOtherAgree() throws {
        let compose = try Checkout.text("docker-compose.yml")
        func target(_ file: String) throws -> String {
            try #require(try Checkout.matches(#"\./\#(file):([^:\s]+):ro"#, in: compose).first, "\(file)")
        }
        let prometheus = try Checkout.text("config/prometheus.yml")
        #expect(prometheus.contains("- \(try target("config/alerts.yml"))\n"))
        #expect(prometheus.contains(#"targets: ["dispatcher:5004"]"#))
        let folder = URL(fileURLWithPath: try target("config/grafana/router.json")).deletingLastPathComponent().path
        #expect(try Checkout.text("config/grafana/dashboards.yml").contains("path: \(folder)\n"))
        #expect(try Checkout.text("config/grafana/datasources.yml").contains("url: http://prometheus:9090\n"))
        #expect(try target("config/redis-start.sh") == "/config/redis-start.sh")
        #expect(compose.contains(#"entrypoint: ["/config/redis-start.sh"]"#))
        // The script looks for the users beside itself.
        #expect(try target("config/redis-users.acl") == "/config/redis-users.acl")
        let users = try Checkout.text("config/redis-users.acl")
        let names = try Checkout.matches(#"REDIS_USERNAME: (\w+)"#, in: compose)
        #expect(names == ["router", "gateway"])
        for name in names { #expect(users.contains("\nuser \(name) on ")) }
        #expect(users.contains("\nuser subscriber on ") && compose.contains("--user subscriber ping"))
    }

    @Test func onePortEverywhere() throws {
        let compose = try Checkout.text("docker-compose.yml")
        let image = try Checkout.text("Dockerfile")
        let health = #""klinecast", "check", "--health", "http://127.0.0.1:5004/health"]"#
        #expect(compose.contains("ROUTER_ADDR: 0.0.0.0:5004\n"))
        #expect(compose.contains(#"ports: ["127.0.0.1:5004:5004"]"#))
        #expect(compose.contains(#"test: ["CMD", \#(health)"#))
        #expect(image.contains("CMD [\(health)"))
        #expect(image.contains("\nEXPOSE 5004\n"))
        #expect(try Checkout.text("README.md").contains("127.0.0.1:5004/health"))
        #expect(compose.contains("GATEWAY_ADDR: 0.0.0.0:8082\n"))
        #expect(compose.contains(#"ports: ["127.0.0.1:8082:8082"]"#))
        #expect(compose.contains(#"["CMD", "klinecast", "check", "--health", "http://127.0.0.1:8082/health"]"#))
    }

    @Test func portsAreOpenToThisHostAlone() throws {
        let ports = try Checkout.matches(#"^    ports: \["(.*)"\]$"#, in: try Checkout.text("docker-compose.yml"))
        #expect(ports.count == 6)
        for port in ports { #expect(port.hasPrefix("127.0.0.1:") && !port.contains(","), "\(port)") }
    }

    @Test func theImageKeepsItsStateWhereTheVolumeIs() throws {
        let compose = try Checkout.text("docker-compose.yml")
        let image = try Checkout.text("Dockerfile")
        let folder = try #require(try Checkout.matches(#"STATE_DIR: (\S+)"#, in: compose).first)
        #expect(compose.contains(#"volumes: ["dispatcher-state:\#(folder)"]"#))
        #expect(image.contains("ENV STATE_DIR=\(folder)\n"))
        #expect(image.contains("install -d -o klinecast -g klinecast -m 0750 \(folder)\n"))
        let user = try #require(try Checkout.matches(#"^USER (\d+)$"#, in: image).first)
        #expect(user != "0" && image.contains("--uid \(user) "))
    }
}
