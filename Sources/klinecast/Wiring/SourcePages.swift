import Records
import Telemetry

/// What the router's lanes and the persister say alike over HTTP.
extension SourceReport {
    /// - Parameter lane: the persister's is `persist`.
    func write(to page: inout MetricsPage, lane: String, limit: SeriesLimit) {
        page.counter(
            "klinecast_messages_received_total", "Records taken from Kafka.", counters.received, ["lane": lane])
        page.counter(
            "klinecast_received_bytes_total", "Bytes of the values taken from Kafka.", counters.receivedBytes,
            ["lane": lane])
        for refusal in counters.refusals {
            page.counter(
                "klinecast_dead_letters_total", "Records that could not be delivered.", refusal.count,
                ["lane": lane, "reason": refusal.reason])
        }
        page.counter(
            "klinecast_dead_letters_written_total", "Dead letters that Kafka has acknowledged.",
            counters.deadLettersWritten, ["lane": lane])
        page.gauge(
            "klinecast_dead_letters_unwritten", "Dead letters on their way.", unwrittenDeadLetters, ["lane": lane])
        page.counter(
            "klinecast_kafka_rebalances_total", "Assignments and revocations.", counters.rebalances, ["lane": lane])
        page.counter(
            "klinecast_kafka_failures_total", "Errors that the consumer reported.", counters.sourceFailures,
            ["lane": lane])
        page.counter(
            "klinecast_kafka_position_resets_total", "Positions that lay outside the log.", counters.positionResets,
            ["lane": lane])
        page.gauge("klinecast_kafka_joined", "Whether the lane is in its group.", isJoined ? 1 : 0, ["lane": lane])
        page.gauge("klinecast_kafka_assigned_partitions", "Partitions the lane owns.", partitions.count, ["lane": lane])
        var lags: [String: UInt64] = [:]
        for partition in partitions { lags[partition.source.topic, default: 0] += UInt64(max(0, partition.lag ?? 0)) }
        for series in limit.apply(lags.map { (label: $0.key, value: $0.value) }) {
            page.gauge(
                "klinecast_kafka_consumer_lag", "Records between the position and the end of the topic.", series.value,
                ["lane": lane, "topic": series.label])
        }
        page.gauge(
            "klinecast_kafka_lag_seconds", "The oldest partition's lag.",
            Double(partitions.compactMap(\.lagMilliseconds).max() ?? 0) / 1000, ["lane": lane])
    }

    /// - Parameter own: writes what only this pipeline has to say of a partition.
    func writePartitions(to json: inout JSONWriter, own: (Partition, inout JSONWriter) -> Void) {
        let sorted = partitions.sorted {
            ($0.source.topic, $0.source.partition) < ($1.source.topic, $1.source.partition)
        }
        json.member(
            "partitions",
            array: { json in
                for partition in sorted {
                    json.object { json in
                        json.member("topic", partition.source.topic)
                        json.member("partition", partition.source.partition)
                        json.member("position", partition.position)
                        json.member("committed", partition.committed)
                        json.member("high_watermark", partition.end)
                        json.member("lag", partition.lag)
                        json.key("lag_seconds")
                        if let lag = partition.lagMilliseconds { json.double(Double(lag) / 1000) } else { json.null() }
                        own(partition, &json)
                    }
                }
            })
    }
}
