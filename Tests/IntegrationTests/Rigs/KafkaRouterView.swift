import Foundation

/// What a router's /diagnostic says about one partition.
struct PartitionView {
    let committed: Int64?
    let position: Int64?
    let end: Int64?
    let lag: Int?
}

extension RouterProcess {
    /// The partitions of the market lane, as the router describes them; empty while it does not answer.
    var partitions: [KafkaPlace: PartitionView] {
        let lanes = (try? get("/diagnostic"))?.json["lanes"] as? [String: Any]
        let list = (lanes?["market"] as? [String: Any])?["partitions"] as? [[String: Any]] ?? []
        var found: [KafkaPlace: PartitionView] = [:]
        for each in list {
            guard let topic = each["topic"] as? String, let number = each["partition"] as? NSNumber else { continue }
            found[KafkaPlace(topic: topic, partition: number.int32Value)] = PartitionView(
                committed: (each["committed"] as? NSNumber)?.int64Value,
                position: (each["position"] as? NSNumber)?.int64Value,
                end: (each["high_watermark"] as? NSNumber)?.int64Value, lag: (each["lag"] as? NSNumber)?.intValue)
        }
        return found
    }

    var owned: Set<KafkaPlace> { Set(partitions.keys) }
}
