/// Finds the row of a key in the batch that is filled: open addressing over at least twice as many places as rows.
///
/// One for all batches of a pipeline, since only one is filled at a time: so it stays in the processor's cache, which three
/// of them, one after the other, would not. Confined to the pipeline's thread.
@safe package final class KeyTable {
    /// Where a key's row stands. A place with another stamp is free: clearing costs nothing.
    struct Place {
        fileprivate var stamp: UInt32 = 0
        fileprivate(set) var row: Int32 = 0
        /// Bytes of the text that are this row's to use.
        var textRoom: UInt32 = 0
    }

    /// How many keys it is made for.
    let rows: Int
    private let places: UnsafeMutablePointer<Place>
    private let end: UnsafeMutablePointer<Place>
    private let bits: Int
    private var stamp: UInt32 = 1

    package init(rows: Int) {
        precondition(rows > 0, "room for one key")
        self.rows = rows
        bits = Int.bitWidth - (rows * 2 - 1).leadingZeroBitCount
        unsafe places = .allocate(capacity: 1 << bits)
        unsafe places.initialize(repeating: Place(), count: 1 << bits)
        unsafe end = places + (1 << bits)
    }

    deinit { unsafe places.deallocate() }

    /// For the next batch.
    func clear() {
        stamp &+= 1
        if stamp == 0 {
            unsafe places.update(repeating: Place(), count: 1 << bits)
            stamp = 1
        }
    }

    /// Where to look first. Times of a series are multiples of its timeframe: a multiplication spreads them over the upper
    /// bits.
    @inline(__always)
    func firstPlace(of row: CandleRow) -> UnsafeMutablePointer<Place> {
        let key = UInt64(bitPattern: row.time) &+ UInt64(bitPattern: Int64(row.series)) &* 0xd6e8_feb8_6659_fd93
        let mixed = (key ^ (key >> 32)) &* 0x9e37_79b9_7f4a_7c15
        return unsafe places + Int(truncatingIfNeeded: mixed >> UInt64(64 - bits))
    }

    @inline(__always)
    func next(_ place: UnsafeMutablePointer<Place>) -> UnsafeMutablePointer<Place> {
        unsafe place + 1 == end ? places : place + 1
    }

    @inline(__always)
    func isTaken(_ place: UnsafeMutablePointer<Place>) -> Bool { unsafe place.pointee.stamp == stamp }

    @inline(__always)
    func take(_ place: UnsafeMutablePointer<Place>, row: Int32, textRoom: UInt32) {
        unsafe place.pointee = Place(stamp: stamp, row: row, textRoom: textRoom)
    }
}
