internal import CKafkaShim

/// Reading from positions that somebody else keeps: a database that holds them beside the rows.
extension Consumer {
    /// The first offset of each log and the one behind its last, in the order asked; nil where a partition's can't be told.
    /// Blocks for a round trip, at most `timeout`.
    package func limits(of partitions: [TopicPartition], timeout: Duration = .seconds(5)) throws(KafkaError)
        -> [(start: Int64, end: Int64)?]
    {
        let deadline = Deadline(timeout)
        // The ends first: a log that grows meanwhile only makes them too small.
        let led = try partitionsWithLeader(deadline: deadline)
        let ends = try offsets(partitions, of: led, at: Self.end, deadline: deadline)
        let starts = try offsets(partitions, of: led, at: Self.beginning, deadline: deadline)
        return partitions.indices.map { index in
            guard case .success(let start) = starts[index], case .success(let end) = ends[index] else { return nil }
            return (start, end)
        }
    }

    /// Takes the partitions of `.assigning` and reads each from its offset; START and the group's commits have no say.
    package func assign(_ partitions: [TopicPartition], at offsets: [Int64]) throws(KafkaError) -> [AssignedPartition] {
        guard pendingAssignment != nil else { return [] }
        let found = zip(partitions, offsets).map { FoundPosition(partition: $0, position: $1, isFresh: false) }
        return try take(found, areCommitted: true)
    }

    /// Reads on elsewhere. The partitions are given back to the library and taken again, which throws away what it had
    /// fetched of them; `seek` of 2.0.2 waits for the broker instead.
    package func move(_ wanted: [Int32], to offsets: [Int64]) throws(KafkaError) {
        let places = zip(wanted, offsets).filter { slots.isHeld($0.0) }
        guard !places.isEmpty else { return }
        // librdkafka keeps the pause of a partition that is unassigned and assigned again.
        resume(places.map(\.0))
        for (number, reader) in readers.enumerated() {
            let list = PartitionList(capacity: places.count)
            for (slot, offset) in places where slots.slots[Int(slot)].reader == number {
                list.add(slots.slots[Int(slot)].partition, offset: offset)
            }
            if list.count > 0, let failure = reader.remove(list) ?? reader.add(list) {
                throw .failed(attempt: "move \(list.count) partitions", failure)
            }
        }
        for (slot, offset) in places {
            slots.update(slot) {
                $0.next = offset
                $0.isAtEnd = false
                $0.isPaused = false
            }
        }
    }
}
