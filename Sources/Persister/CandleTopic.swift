package import MarketData

/// What the candles of one topic must say, and the numbers of its series: made once a partition. Confined to the
/// pipeline's thread.
package final class CandleTopic {
    package let topic: MarketTopic
    /// As the table spells it: upper case, with the venue's suffix.
    package let symbol: String
    /// What a message may call it, in lower case; and the bytes of that without a suffix `-<venue>`, which will do, too.
    private let spelling: [UInt8]
    private let baseCount: Int
    /// The number of each timeframe's series; -1 before its first candle. A topic with a timeframe has but that one.
    private var numbers: [Int32]
    private let table: SeriesTable

    package init(_ topic: MarketTopic, in table: SeriesTable) {
        self.topic = topic
        self.table = table
        symbol = topic.symbol.name.uppercased()
        spelling = Array(topic.symbol.name.utf8)
        let dash = spelling.lastIndex(of: UInt8(ascii: "-")) ?? spelling.count
        baseCount = dash > 0 ? dash : spelling.count
        numbers = Array(repeating: -1, count: Timeframe.allCases.count)
    }

    /// The topic's timeframe, and on a legacy topic what a message is that names none.
    var defaultTimeframe: Timeframe { topic.timeframe ?? .oneMinute }

    /// Whether a message may call it so, in any case.
    @inline(__always)
    func isSpelled(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count == spelling.count || text.count == baseCount else { return false }
        for index in 0..<text.count {
            let byte = unsafe text[index]
            let isUpper = byte &- UInt8(ascii: "A") < 26
            guard (isUpper ? byte | 0x20 : byte) == spelling[index] else { return false }
        }
        return true
    }

    /// The series' number; the first time it is asked for, the table grows.
    @inline(__always)
    func series(_ timeframe: Timeframe) -> Int32 {
        let place = timeframe.place
        let known = numbers[place]
        return known >= 0 ? known : addSeries(timeframe, at: place)
    }

    private func addSeries(_ timeframe: Timeframe, at place: Int) -> Int32 {
        let made = table.number(of: Series(symbol: symbol, timeframe: timeframe))
        numbers[place] = made
        return made
    }
}

extension Timeframe {
    /// Place in `allCases`.
    var place: Int {
        switch self {
        case .oneSecond: 0
        case .oneMinute: 1
        case .threeMinutes: 2
        case .fiveMinutes: 3
        case .fifteenMinutes: 4
        case .thirtyMinutes: 5
        case .oneHour: 6
        case .twoHours: 7
        case .fourHours: 8
        case .sixHours: 9
        case .eightHours: 10
        case .twelveHours: 11
        case .oneDay: 12
        case .threeDays: 13
        case .oneWeek: 14
        case .oneMonth: 15
        }
    }

    /// Reads a message's spelling without making a string of it.
    init?(spelling: UnsafeRawBufferPointer) {
        var packed: UInt32 = 0
        guard (2...3).contains(spelling.count) else { return nil }
        for index in 0..<spelling.count { packed = unsafe packed << 8 | UInt32(spelling[index]) }
        switch packed {
        case 0x3173: self = .oneSecond
        case 0x316d: self = .oneMinute
        case 0x336d: self = .threeMinutes
        case 0x356d: self = .fiveMinutes
        case 0x31_356d: self = .fifteenMinutes
        case 0x33_306d: self = .thirtyMinutes
        case 0x3168: self = .oneHour
        case 0x3268: self = .twoHours
        case 0x3468: self = .fourHours
        case 0x3668: self = .sixHours
        case 0x3868: self = .eightHours
        case 0x31_3268: self = .twelveHours
        case 0x3164: self = .oneDay
        case 0x3364: self = .threeDays
        case 0x3177: self = .oneWeek
        case 0x314d: self = .oneMonth
        default: return nil
        }
    }
}
