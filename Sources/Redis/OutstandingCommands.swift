/// Whose reply comes next: the commands in flight, in the order of writing.
///
/// Runs of commands of one owner are one entry. Entries of one owner written within a short time are joined, under the
/// time of the first: so a fixed number of entries reaches over the reply deadline, and nothing is ever allocated.
struct OutstandingCommands {
    typealias Instant = ContinuousClock.Instant

    enum Owner: UInt8 {
        case caller
        /// The connection's own, told apart since PING is answered out of order on a subscriber's connection.
        case step, role, ping
    }

    private struct Entry {
        var owner: Owner
        var count: Int
        var writtenAt: Instant
    }

    /// Entries beyond which no probe is taken, so that the caller's commands always find one.
    private static let probeLimit = 500

    private var entries: [Entry]
    private var first = 0
    private var used = 0
    /// Entries closer together than this are joined.
    private let grain: Duration
    private(set) var callerCommands = 0

    init(deadline: Duration, now: Instant) {
        entries = Array(repeating: Entry(owner: .caller, count: 0, writtenAt: now), count: 512)
        grain = deadline / 128
    }

    /// Too many turns are in flight for another own command.
    var isCrowded: Bool { used >= Self.probeLimit }
    var isEmpty: Bool { used == 0 }
    /// When the oldest command without a reply was written.
    var oldest: Instant? { used == 0 ? nil : entries[first].writtenAt }
    /// Whose the next reply is.
    var next: Owner? { used == 0 ? nil : entries[first].owner }

    mutating func wrote(_ count: Int, by owner: Owner, now: Instant) {
        guard count > 0 else { return }
        if owner == .caller { callerCommands += count }
        if used > 0 {
            let last = (first + used - 1) % entries.count
            let isClose = now - entries[last].writtenAt < grain || used > Self.probeLimit
            if entries[last].owner == owner, isClose {
                entries[last].count += count
                return
            }
        }
        precondition(used < entries.count, "a probe was written though isCrowded")
        entries[(first + used) % entries.count] = Entry(owner: owner, count: count, writtenAt: now)
        used += 1
    }

    /// Bytes of the newest run of the caller's went out: it, and what is to follow it, counts from now.
    mutating func progressed(now: Instant) {
        var index = used
        while index > 0 {
            index -= 1
            let place = (first + index) % entries.count
            entries[place].writtenAt = now
            if entries[place].owner == .caller { return }
        }
    }

    /// A reply came: whose it is; `nil` when nobody waits for one.
    mutating func answered() -> Owner? {
        guard used > 0 else { return nil }
        let owner = entries[first].owner
        if owner == .caller { callerCommands -= 1 }
        entries[first].count -= 1
        if entries[first].count == 0 { drop() }
        return owner
    }

    /// How many of the next `limit` replies are the caller's, in a row.
    func callersRun(_ limit: Int) -> Int {
        used > 0 && entries[first].owner == .caller ? min(limit, entries[first].count) : 0
    }

    mutating func answeredCaller(_ count: Int) {
        guard count > 0 else { return }
        precondition(
            count <= entries[first].count && entries[first].owner == .caller, "replies beyond the caller's run")
        callerCommands -= count
        entries[first].count -= count
        if entries[first].count == 0 { drop() }
    }

    mutating func removeAll() {
        first = 0
        used = 0
        callerCommands = 0
    }

    private mutating func drop() {
        first = (first + 1) % entries.count
        used -= 1
    }
}
