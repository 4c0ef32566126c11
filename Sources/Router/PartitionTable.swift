/// The partitions a lane owns, by the source's slot numbers.
@safe struct PartitionTable: ~Copyable {
    /// One allocation a partition: a pointer to one stays valid while others come and go.
    private var slots: [UnsafeMutablePointer<Partition>?] = unsafe []
    private var epoch: UInt32
    /// Numbers up to this one are an earlier pipeline's of the same lane.
    let firstEpoch: UInt32
    /// Slots in use, for the cold side.
    private(set) var owned: Set<Int32> = []

    init(after epoch: UInt32) {
        self.epoch = epoch
        firstEpoch = epoch
    }

    deinit {
        for slot in owned {
            if let partition = unsafe slots[Int(slot)] { unsafe Self.free(partition) }
        }
    }

    private static func free(_ partition: UnsafeMutablePointer<Partition>) {
        unsafe partition.pointee.templates.free()
        unsafe partition.deinitialize(count: 1)
        unsafe partition.deallocate()
    }

    /// The partition in a slot; `nil` when we don't own one there.
    @inline(__always) subscript(slot: Int32) -> UnsafeMutablePointer<Partition>? {
        unsafe slot >= 0 && Int(slot) < slots.count ? slots[Int(slot)] : nil
    }

    /// A number that no partition had before.
    mutating func nextEpoch() -> UInt32 {
        epoch &+= 1
        return epoch
    }

    /// The newest number given out.
    var lastEpoch: UInt32 { epoch }

    mutating func insert(_ partition: Partition, at slot: Int32) {
        precondition(slot >= 0, "a source numbers its slots from 0")
        remove(slot)
        while unsafe slots.count <= Int(slot) { unsafe slots.append(nil) }
        let place = UnsafeMutablePointer<Partition>.allocate(capacity: 1)
        unsafe place.initialize(to: partition)
        unsafe slots[Int(slot)] = unsafe place
        owned.insert(slot)
    }

    mutating func remove(_ slot: Int32) {
        guard owned.remove(slot) != nil, let partition = unsafe slots[Int(slot)] else { return }
        unsafe slots[Int(slot)] = nil
        unsafe Self.free(partition)
    }
}

/// Which slots are owned, and in which epoch: a value for decisions about entries of the window.
struct PartitionsView {
    private var epochs: [Int32: UInt32] = [:]

    init(_ epochs: [Int32: UInt32]) { self.epochs = epochs }

    init(_ partitions: borrowing PartitionTable) {
        for slot in partitions.owned {
            if let partition = unsafe partitions[slot] { epochs[slot] = unsafe partition.pointee.epoch }
        }
    }

    /// Whether an entry taken in `epoch` belongs to a partition that is ours no longer.
    func isStale(_ slot: Int32, _ epoch: UInt32) -> Bool { epochs[slot] != epoch }
}
