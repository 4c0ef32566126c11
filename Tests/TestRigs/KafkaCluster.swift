import Foundation
import Synchronization

/// Real Kafka brokers (KRaft, loopback, free ports, a temporary folder), started with the official scripts of the
/// unpacked Kafka in the environment variable KAFKA_HOME.
///
/// A broker never outlives this process: it is killed when its owner goes, at exit, and by the kernel after a crash.
package final class KafkaCluster: @unchecked Sendable {
    // Everything but `children` is constant; `children` is only touched under `lock`.
    package let home: String
    /// Broker identifiers, from 1.
    package let identifiers: [Int]
    /// Plain-text addresses, separated by commas.
    package let bootstrap: String
    /// Addresses of the listener with TLS and SASL; empty unless asked for. User "klines", password "secret", PLAIN and
    /// SCRAM-SHA-512.
    package let secureBootstrap: String
    /// The certificate authority that signed the brokers' certificates (PEM), there with the secure listener.
    package var authorityPath: String { folder.file("tls/ca.pem") }

    private let folder: TemporaryFolder
    private let environment: [String: String]
    private let lock = NSLock()
    private var children: [Int: ChildProcess] = [:]

    /// Starts `brokers` brokers and returns when all of them serve (about 3 s for one, 10 s for three).
    ///
    /// `properties` are further lines of each broker's properties file; `heap` is the Java heap of a broker.
    package init(
        brokers: Int = 1, home: String = KafkaCluster.defaultHome, isSecure: Bool = false, heap: String = "384m",
        properties: [String: String] = [:]
    ) throws {
        self.home = home
        folder = try TemporaryFolder("kafka")
        identifiers = Array(1...brokers)
        let layout = KafkaLayout(brokers: brokers, isSecure: isSecure, folder: folder.path, further: properties)
        bootstrap = layout.plain.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        secureBootstrap = layout.secure.map { "localhost:\($0)" }.joined(separator: ",")
        environment = [
            "KAFKA_HEAP_OPTS": "-Xms64m -Xmx\(heap)", "LOG_DIR": folder.file("logs"),
            // One collector thread and quick compilation: these brokers live for seconds, beside the tests.
            "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true",
        ]
        if isSecure { try Self.makeCertificates(in: folder.file("tls")) }
        for identifier in identifiers {
            let file = propertiesPath(identifier)
            try layout.properties(of: identifier).write(toFile: file, atomically: true, encoding: .utf8)
            var arguments = ["format", "-t", "klinecastklinecastklin", "-c", file]
            if isSecure { arguments += ["--add-scram", "SCRAM-SHA-512=[name=klines,password=secret]"] }
            try run("bin/kafka-storage.sh", arguments)
        }
        for identifier in identifiers { try start(identifier) }
        for identifier in identifiers { try waitUntilServing(identifier) }
    }

    deinit { children.removeAll() }

    /// The first segment of a partition's log, as broker 1 has it on disk.
    package func firstSegment(_ topic: String, partition: Int = 0) throws -> [UInt8] {
        let path = folder.file("data-1/\(topic)-\(partition)/00000000000000000000.log")
        return try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Sends a broker the signal of a power cut and waits for its end. `boot` brings it back with its data.
    package func kill(_ identifier: Int) { end(identifier, with: SIGKILL) }
    /// Ends a broker in good order.
    package func stop(_ identifier: Int) { end(identifier, with: SIGTERM) }
    /// Freezes a broker: it answers nothing and closes nothing.
    package func pause(_ identifier: Int) { child(identifier)?.signal(SIGSTOP) }
    package func resume(_ identifier: Int) { child(identifier)?.signal(SIGCONT) }

    /// Starts a broker again that was killed or stopped; returns when it serves.
    package func boot(_ identifier: Int) throws {
        try start(identifier)
        try waitUntilServing(identifier)
    }

    /// What a broker has printed since its last start.
    package func log(of identifier: Int) -> String { child(identifier)?.text ?? "" }

    /// Creates a topic with the official script (a second or two: it starts a JVM).
    package func createTopic(_ name: String, partitions: Int = 1, configuration: [String: String] = [:]) throws {
        let settings = configuration.sorted { $0.key < $1.key }.flatMap { ["--config", "\($0.key)=\($0.value)"] }
        try run(
            "bin/kafka-topics.sh",
            ["--bootstrap-server", bootstrap, "--create", "--topic", name, "--partitions", "\(partitions)"] + settings)
    }

    package func deleteTopic(_ name: String) throws {
        try run("bin/kafka-topics.sh", ["--bootstrap-server", bootstrap, "--delete", "--topic", name])
    }

    /// Runs one of the official scripts, for example `bin/kafka-consumer-groups.sh`, to its end; what it printed. Throws
    /// with the whole text when it fails.
    @discardableResult package func run(_ script: String, _ arguments: [String]) throws -> String {
        let child = try KafkaProcesses.start("\(home)/\(script)", arguments, environment: environment)
        let code = child.waitForExit()
        guard code == 0 else {
            throw KafkaClusterFailure(description: "\(script) \(arguments) ended with \(code):\n\(child.text)")
        }
        return child.text
    }

    private func propertiesPath(_ identifier: Int) -> String { folder.file("\(identifier).properties") }

    private func child(_ identifier: Int) -> ChildProcess? { lock.withLock { children[identifier] } }

    private func start(_ identifier: Int) throws {
        let child = try KafkaProcesses.start(
            "\(home)/bin/kafka-server-start.sh", [propertiesPath(identifier)], environment: environment)
        lock.withLock { children[identifier] = child }
    }

    private func end(_ identifier: Int, with signal: Int32) {
        guard let child = lock.withLock({ children.removeValue(forKey: identifier) }) else { return }
        child.signal(signal)
        child.signal(SIGCONT)
        child.waitForExit()
    }

    private func waitUntilServing(_ identifier: Int) throws {
        let child = child(identifier)
        do {
            try eventually("Kafka broker \(identifier) serves", within: .seconds(180)) {
                guard let child, child.isRunning else { throw NeverHappened(description: "broker \(identifier) ended") }
                return child.text.contains("Kafka Server started")
            }
        } catch {
            throw KafkaClusterFailure(description: "\(error)\n\((child?.text ?? "").suffix(3000))")
        }
    }
}

package struct KafkaClusterFailure: Error, CustomStringConvertible {
    package let description: String
}

extension KafkaCluster {
    /// KAFKA_HOME, the unpacked Kafka the tests run against; empty without it.
    package static var defaultHome: String { ProcessInfo.processInfo.environment["KAFKA_HOME"] ?? "" }

    /// For `.enabled(if: KafkaCluster.isAvailable)`. Without a usable KAFKA_HOME it is false and says so, once, on
    /// standard error.
    package static let isAvailable: Bool = {
        if FileManager.default.isExecutableFile(atPath: "\(defaultHome)/bin/kafka-server-start.sh") { return true }
        let message = """
            ##############################################################################################
            ## SKIPPED: tests against a real Kafka. Set KAFKA_HOME to an unpacked Apache Kafka (3.9, 4.x).
            ## KAFKA_HOME is now: "\(defaultHome)"
            ##############################################################################################

            """
        FileHandle.standardError.write(Data(message.utf8))
        return false
    }()

    private static let sharedCluster = Result { try KafkaCluster().keptUntilExit() }

    /// One broker for all tests of this process, started at first use: tests keep apart by names of topics and groups.
    package static func shared() throws -> KafkaCluster { try sharedCluster.get() }

    private static let kept = Mutex<[KafkaCluster]>([])

    /// For a cluster in a global: nothing else would end it and remove its folder when the process ends.
    package func keptUntilExit() -> KafkaCluster {
        let isFirst = Self.kept.withLock { kept in
            kept.append(self)
            return kept.count == 1
        }
        if isFirst { _ = atexit { KafkaCluster.endKept() } }
        return self
    }

    private static func endKept() {
        for cluster in kept.withLock({ $0 }) {
            for identifier in cluster.identifiers { cluster.kill(identifier) }
            try? FileManager.default.removeItem(at: cluster.folder.url)
        }
    }

    private static func makeCertificates(in folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try "subjectAltName=DNS:localhost,IP:127.0.0.1".write(
            toFile: "\(folder)/names", atomically: true, encoding: .utf8)
        let steps = [
            "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=klinecast-tests -keyout ca.key -out ca.pem",
            // An authority that signed nothing: a client that trusts only this one must refuse the broker.
            "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=klinecast-other -keyout other.key -out other-ca.pem",
            "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout broker.key -out broker.csr",
            "x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out broker.crt -extfile names",
        ]
        for step in steps {
            let child = try ChildProcess("openssl", step.split(separator: " ").map(String.init), in: folder)
            guard child.waitForExit() == 0 else {
                throw KafkaClusterFailure(description: "openssl \(step):\n\(child.text)")
            }
        }
        var pem = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/broker.key"))
        pem.append(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/broker.crt")))
        try pem.write(to: URL(fileURLWithPath: "\(folder)/broker.pem"))
    }

    /// An authority that did not sign the brokers' certificates.
    package var otherAuthorityPath: String { folder.file("tls/other-ca.pem") }
}
