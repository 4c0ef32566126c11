/// The ports and properties files of a test cluster.
struct KafkaLayout {
    let plain: [UInt16]
    let secure: [UInt16]
    private let controllers: [UInt16]
    private let folder: String
    private let further: [String: String]

    init(brokers: Int, isSecure: Bool, folder: String, further: [String: String]) {
        var seen: Set<UInt16> = []
        func port() -> UInt16 {
            while true {
                let candidate = freePort()
                if seen.insert(candidate).inserted { return candidate }
            }
        }
        plain = (0..<brokers).map { _ in port() }
        controllers = (0..<brokers).map { _ in port() }
        secure = isSecure ? (0..<brokers).map { _ in port() } : []
        self.folder = folder
        self.further = further
    }

    /// The properties file of broker `identifier` (from 1).
    func properties(of identifier: Int) -> String {
        let index = identifier - 1
        let brokers = plain.count
        let replication = min(brokers, 3)
        let voters = controllers.enumerated().map { "\($0.offset + 1)@127.0.0.1:\($0.element)" }.joined(separator: ",")
        var listeners = ["PLAINTEXT://127.0.0.1:\(plain[index])"]
        if !secure.isEmpty { listeners.append("SASL_SSL://localhost:\(secure[index])") }
        var values = [
            "process.roles": "broker,controller",
            "node.id": "\(identifier)",
            "controller.quorum.voters": voters,
            "listeners": (listeners + ["CONTROLLER://127.0.0.1:\(controllers[index])"]).joined(separator: ","),
            "advertised.listeners": listeners.joined(separator: ","),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": "\(folder)/data-\(identifier)",
            "num.partitions": "1",
            "default.replication.factor": "\(replication)",
            "min.insync.replicas": replication > 1 ? "2" : "1",
            "offsets.topic.replication.factor": "\(replication)",
            "offsets.topic.num.partitions": "3",
            "transaction.state.log.replication.factor": "\(replication)",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "3",
            "group.initial.rebalance.delay.ms": "0",
        ]
        if !secure.isEmpty {
            let package = "org.apache.kafka.common.security"
            values.merge([
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": "\(folder)/tls/broker.pem",
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": "\(folder)/tls/ca.pem",
                "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
                "listener.name.sasl_ssl.plain.sasl.jaas.config":
                    "\(package).plain.PlainLoginModule required user_klines=\"secret\";",
                "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config":
                    "\(package).scram.ScramLoginModule required;",
            ]) { $1 }
        }
        values.merge(further) { $1 }
        return values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
    }
}
