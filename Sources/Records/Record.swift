/// A view of one Kafka record as its consumer hands it out.
///
/// `key` and `value` point into the consumer's memory and stay valid until `handle` is released there.
@unsafe package struct Record {
    /// What stands at this place of a partition.
    package enum Kind: UInt8, Sendable {
        case record
        /// The consumer has handed out all there is: `offset` is the partition's end, key and value are empty.
        case endOfPartition
    }

    package var kind: Kind
    /// The consumer's small number for the source partition, valid from its assignment to its revocation.
    package var slot: Int32
    package var offset: Int64
    /// Milliseconds since 1970; -1 when the record has none.
    package var timestamp: Int64
    /// `nil` for a null key; not the same as an empty one.
    package var key: UnsafeRawBufferPointer?
    /// `nil` for a null value (a tombstone); not the same as an empty one.
    package var value: UnsafeRawBufferPointer?
    /// The consumer's own handle of the record's memory; `nil` for an end of partition.
    package var handle: OpaquePointer?

    @inlinable package init(
        kind: Kind, slot: Int32, offset: Int64, timestamp: Int64, key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?, handle: OpaquePointer?
    ) {
        unsafe self.kind = kind
        unsafe self.slot = slot
        unsafe self.offset = offset
        unsafe self.timestamp = timestamp
        unsafe self.key = key
        unsafe self.value = value
        unsafe self.handle = handle
    }
}
