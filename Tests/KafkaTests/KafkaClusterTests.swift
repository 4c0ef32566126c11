import TestRigs
import Testing

@Suite("A test cluster", .enabled(if: KafkaCluster.isAvailable))
struct KafkaClusterTests {
    @Test(.timeLimit(.minutes(2))) func servesAndComesBackAfterACrash() throws {
        let cluster = try KafkaCluster(isSecure: true)
        try cluster.createTopic("kept")
        cluster.kill(1)
        try cluster.boot(1)
        let topics = try cluster.run("bin/kafka-topics.sh", ["--bootstrap-server", cluster.bootstrap, "--list"])
        #expect(topics.split(separator: "\n").contains("kept"))
    }
}
