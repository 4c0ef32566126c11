extension Consumer {
    /// What makes a client a consumer as we need it; the user's own properties come after these.
    static func properties(
        _ settings: KafkaSettings, group: String, instanceID: String?, sessionTimeout: Duration
    ) -> [(name: String, value: String)] {
        var all = [
            ("group.id", group),
            ("enable.auto.offset.store", "false"),
            ("enable.auto.commit", "true"), ("auto.commit.interval.ms", "1000"),
            // What a group without a commit skips is decided at the assignment, where it is also committed.
            ("auto.offset.reset", "earliest"),
            // How soon a new topic is found; an unknown leader is asked for quickly.
            ("topic.metadata.refresh.interval.ms", "5000"), ("topic.metadata.refresh.fast.interval.ms", "250"),
            ("allow.auto.create.topics", "false"),
            ("topic.blacklist", "\\.dlq$"),
            ("isolation.level", "read_committed"),
            ("enable.partition.eof", "true"),
            ("max.poll.interval.ms", "300000"),
            // Both count the whole queue, all partitions together: they bound the memory of a backlog.
            ("queued.min.messages", "\(Nudge.queueLimit)"), ("queued.max.messages.kbytes", "16384"),
            // An idle fetch comes back after this much; new data is answered at once whatever it is.
            ("fetch.wait.max.ms", "500"),
            ("statistics.interval.ms", "0"),
        ]
        if let instanceID { all.append(("group.instance.id", instanceID)) }
        if !settings.usesConsumerGroupProtocol {
            all.append(("partition.assignment.strategy", "cooperative-sticky"))
            all.append(("session.timeout.ms", "\(sessionTimeout.cMilliseconds)"))
            all.append(("heartbeat.interval.ms", "\(max(1, min(3000, sessionTimeout.cMilliseconds / 3)))"))
        }
        if KafkaLibrary.version >= KafkaLibrary.fetchBackoffVersion {
            // How long a broker's thread sleeps before it looks at a full queue again; 1000 unless told.
            all.append(("fetch.queue.backoff.ms", "2"))
        }
        return all.map { (name: $0.0, value: $0.1) }
    }

    /// The same for a client that reads beside the member: it joins nothing and commits nothing.
    static func readerProperties(_ settings: KafkaSettings, group: String) -> [(name: String, value: String)] {
        properties(settings, group: group, instanceID: nil, sessionTimeout: .seconds(10)) + [
            (name: "enable.auto.commit", value: "false"),
            // Several of them have about the memory of one member.
            (name: "queued.max.messages.kbytes", value: "8192"),
        ]
    }
}
