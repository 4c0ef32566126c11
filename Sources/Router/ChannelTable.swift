/// The Redis channels this lane has published to: their fixed command parts, the newest payload of each within the batch
/// that is being filled, and a bounded copy of the newest one delivered, for a Redis that comes back empty.
@safe struct ChannelTable: ~Copyable {
    @unsafe struct Channel {
        let name: String
        let publishHead: Template
        let setHead: Template
        /// Who listened at the last PUBLISH; -1 before the first.
        var receivers: Int64 = -1
        /// In the batch being filled: which serial, where its newest payload stands in the body, whose entry it is.
        var serial: UInt64 = 0
        var payloadStart = 0
        var payloadCount = 0
        var entry: Int32 = 0
        /// The newest delivered payload; nil where the cache's limit left no room.
        var kept: UnsafeMutableRawBufferPointer?
        var keptCount = 0
        var isUnkept = false
    }

    private(set) var channels: UnsafeMutablePointer<Channel>
    private(set) var count = 0
    private var capacity = 64
    private var index: [String: Int32] = [:]
    private let prefix: String
    private let publishCommand: String
    /// Bytes the kept payloads may take together.
    private let keptLimit: Int
    private(set) var keptBytes = 0
    /// Channels whose newest payload found no room.
    private(set) var unkept = 0

    init(prefix: String, sharded: Bool, keptLimit: Int) {
        self.prefix = prefix
        publishCommand = sharded ? "SPUBLISH" : "PUBLISH"
        self.keptLimit = keptLimit
        unsafe channels = .allocate(capacity: capacity)
    }

    deinit {
        for place in 0..<count {
            unsafe channels[place].publishHead.free()
            unsafe channels[place].setHead.free()
            unsafe channels[place].kept?.deallocate()
        }
        unsafe channels.deinitialize(count: count)
        unsafe channels.deallocate()
    }

    /// The key under which a channel's newest payload stands.
    static func lastKey(of channel: String, prefix: String) -> String {
        let short = channel.hasPrefix(prefix + ":") ? String(channel.dropFirst(prefix.count + 1)) : channel
        return "\(prefix):last:\(short)"
    }

    /// The channel's place in `channels`; added when it is new.
    mutating func place(of name: String) -> Int32 {
        if let known = index[name] { return known }
        if count == capacity {
            let larger = UnsafeMutablePointer<Channel>.allocate(capacity: capacity * 2)
            unsafe larger.moveInitialize(from: channels, count: count)
            unsafe channels.deallocate()
            unsafe channels = unsafe larger
            capacity *= 2
        }
        unsafe (channels + count).initialize(
            to: Channel(
                name: name, publishHead: Template(commandHead([publishCommand, name])),
                setHead: Template(commandHead(["SET", Self.lastKey(of: name, prefix: prefix)]))))
        index[name] = Int32(count)
        count += 1
        return Int32(count - 1)
    }

    /// Keeps a copy of a payload that Redis now holds as the channel's last value.
    mutating func keep(_ place: Int, payload: UnsafeRawBufferPointer) {
        let channel = unsafe channels + place
        let room = unsafe channel.pointee.kept?.count ?? 0
        if payload.count > room {
            unsafe channel.pointee.kept?.deallocate()
            unsafe channel.pointee.kept = nil
            unsafe channel.pointee.keptCount = 0
            keptBytes -= room
            // A quarter more, so that a price with a digit more does not allocate again.
            let wanted = payload.count + payload.count / 4
            let fits = keptBytes + wanted <= keptLimit
            unsafe unkept += (fits ? 0 : 1) - (channel.pointee.isUnkept ? 1 : 0)
            unsafe channel.pointee.isUnkept = !fits
            guard fits else { return }
            unsafe channel.pointee.kept = .allocate(byteCount: wanted, alignment: 1)
            keptBytes += wanted
        }
        unsafe channel.pointee.kept?.copyMemory(from: payload)
        unsafe channel.pointee.keptCount = payload.count
    }

    func indices() -> Range<Int> { 0..<count }
}
