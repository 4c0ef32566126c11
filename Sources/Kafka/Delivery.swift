/// What became of one record that was produced.
package struct Delivery: Sendable, Equatable {
    /// As given to `produce`.
    package var token: UInt64
    /// Where it lies; nil when it was not acknowledged or the broker told no offset.
    package var offset: Int64?
    package var partition: Int32
    /// nil when all in-sync replicas have it.
    package var failure: KafkaFailure?
}
