internal import CKafkaShim

/// The partitions a consumer holds, by small numbers that are dense and used again.
@safe struct PartitionSlots {
    @safe struct Slot {
        var partition: TopicPartition
        /// A list of one element, so that storing an offset allocates nothing; freed at the revocation.
        var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
        var isHeld = true
        var isPaused = false
        var isAtEnd = false
        /// Which of the consumer's readers reads it.
        let reader: Int
        /// The offset after the last record handed out.
        var next: Int64
        /// The position we told the library to commit; `noOffset` before the first.
        var stored = noOffset
        /// The position the broker has acknowledged; `noOffset` when we know none.
        var committed = noOffset

        /// More of it is to come.
        var isReading: Bool { isHeld && !isAtEnd && !isPaused }
    }
    static let noOffset: Int64 = -1

    private(set) var slots: [Slot] = []
    private var free: [Int32] = []
    private var byName: [TopicPartition: Int32] = [:]
    private var byHash: [UInt64: Int32] = [:]
    private var table = PartitionTable()

    var heldCount: Int { byName.count }
    /// Held slots, ascending.
    var held: [Int32] { slots.indices.filter { slots[$0].isHeld }.map(Int32.init) }

    func isHeld(_ slot: Int32) -> Bool { slots.indices.contains(Int(slot)) && slots[Int(slot)].isHeld }
    func slot(named partition: TopicPartition) -> Int32? { byName[partition] }

    mutating func update<Value>(_ slot: Int32, _ change: (inout Slot) -> Value) -> Value {
        change(&slots[Int(slot)])
    }

    mutating func insert(_ partition: TopicPartition, next: Int64, reader: Int) -> Int32 {
        let list = unsafe rd_kafka_topic_partition_list_new(1)
        guard let list = unsafe list else { preconditionFailure("librdkafka ends the process when it has no memory") }
        _ = unsafe rd_kafka_topic_partition_list_add(list, partition.topic, partition.partition)
        let slot = unsafe Slot(partition: partition, list: list, reader: reader, next: next)
        let number: Int32
        if let used = free.popLast() {
            number = used
            slots[Int(used)] = slot
        } else {
            number = Int32(slots.count)
            slots.append(slot)
        }
        byName[partition] = number
        var hash = unsafe Self.hash(list.pointee.elems[0].topic, partition.partition)
        while byHash[hash] != nil { hash &+= 1 }
        byHash[hash] = number
        return number
    }

    mutating func remove(_ gone: Set<Int32>) {
        for number in gone where isHeld(number) {
            byName[slots[Int(number)].partition] = nil
            slots[Int(number)].isHeld = false
            unsafe rd_kafka_topic_partition_list_destroy(slots[Int(number)].list)
        }
        // The lowest numbers are given out first.
        free = slots.indices.filter { !slots[$0].isHeld }.map(Int32.init).reversed()
        byHash = byHash.filter { !gone.contains($0.value) }
        table.remove { gone.contains($0) }
    }

    /// The slot a message belongs to; -1 when its partition is not held. Allocates nothing.
    mutating func slot(of topic: OpaquePointer?, _ partition: Int32) -> Int32 {
        let key = UInt(bitPattern: topic)
        let known = table.slot(key, partition)
        if known >= 0 { return known }
        guard let name = unsafe rd_kafka_topic_name(topic) else { return -1 }
        let found = unsafe slot(named: name, partition)
        if found >= 0 { table.insert(key, partition, slot: found) }
        return found
    }

    /// The same by a name of C. Allocates nothing.
    func slot(named name: UnsafePointer<CChar>, _ partition: Int32) -> Int32 {
        var hash = unsafe Self.hash(name, partition)
        // Two names of one hash lie in neighbouring places; a removed neighbour can hide one of them, which only makes
        // the long way round necessary.
        while let number = byHash[hash] {
            let slot = slots[Int(number)]
            if slot.partition.partition == partition, unsafe isEqual(slot.list.pointee.elems[0].topic, name) {
                return number
            }
            hash &+= 1
        }
        return -1
    }

    private func isEqual(_ first: UnsafePointer<CChar>, _ second: UnsafePointer<CChar>) -> Bool {
        var index = 0
        while unsafe first[index] == second[index] {
            if unsafe first[index] == 0 { return true }
            index += 1
        }
        return false
    }

    /// FNV-1a over the name and the partition.
    private static func hash(_ name: UnsafePointer<CChar>, _ partition: Int32) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var index = 0
        while unsafe name[index] != 0 {
            hash = unsafe (hash ^ UInt64(UInt8(bitPattern: name[index]))) &* 0x100_0000_01b3
            index += 1
        }
        return (hash ^ UInt64(UInt32(bitPattern: partition))) &* 0x100_0000_01b3
    }
}
