package import Assignment
import MarketData

/// What a worker's `GET /status` says.
package struct WorkerStatus: Equatable, Sendable {
    package let report: WorkerReport
    /// It says under which epochs it serves. Such a worker is fenced, is told epochs, and renews its own lease; of any
    /// other the answer itself is the heartbeat.
    package let namesEpochs: Bool
    /// Channels that are no candles of ours, and the first of them.
    package let unknownChannels: Int
    package let unknownExample: String?
    /// Epochs that can't be ours, and the first of them: they are left out of the report.
    package let unknownEpochs: Int
    package let unknownEpoch: String?
}

extension WorkerStatus {
    /// Longer lists are no worker's.
    private static let channelLimit = PlanError.symbolLimit * Timeframe.allCases.count
    private static let channelPrefix = "futures/klineBin"

    /// Reads the document; members that are not listed in the contract may be anything.
    init(_ document: [UInt8], of worker: WorkerName) throws(WorkerAPIError) {
        var channels: [String]?
        var epochs: [(symbol: String, number: Int64)]?
        var isRunning = true
        do throws(JSONScanner.Fault) {
            var scanner = JSONScanner(document)
            try scanner.object { scanner, name throws(JSONScanner.Fault) in
                switch name {
                case "is_running": isRunning = try scanner.boolean()
                case "kline_channels": channels = try Self.strings(&scanner)
                case "epochs": epochs = try Self.numbers(&scanner)
                default: try scanner.skip()
                }
            }
            try scanner.end()
        } catch {
            throw .badStatus(error.description)
        }
        guard let channels else { throw .badStatus("it has no kline_channels") }
        guard isRunning else { throw .notRunning }
        guard channels.count <= Self.channelLimit else {
            throw .badStatus("kline_channels: at most \(Self.channelLimit) (got \(channels.count))")
        }
        var subscriptions: [Symbol: Set<Timeframe>] = [:]
        var unknown: [String] = []
        for channel in channels {
            if let (symbol, timeframe) = Self.candle(of: channel) {
                subscriptions[symbol, default: []].insert(timeframe)
            } else {
                unknown.append(channel)
            }
        }
        let (known, others) = Self.sorted(epochs ?? [])
        report = WorkerReport(worker: worker, subscriptions: subscriptions, epochs: known)
        unknownEpochs = others.count
        unknownEpoch = others.first
        namesEpochs = epochs != nil
        unknownChannels = unknown.count
        unknownExample = unknown.first.map { String($0.prefix(100)) }
    }

    private static func strings(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> [String] {
        var strings: [String] = []
        try scanner.array { scanner throws(JSONScanner.Fault) in strings.append(try scanner.string()) }
        return strings
    }

    private static func numbers(_ scanner: inout JSONScanner) throws(JSONScanner.Fault) -> [(String, Int64)] {
        var numbers: [(String, Int64)] = []
        try scanner.object { scanner, name throws(JSONScanner.Fault) in numbers.append((name, try scanner.integer())) }
        return numbers
    }

    /// Ours, and in words those that are not.
    private static func sorted(_ named: [(symbol: String, number: Int64)]) -> ([Symbol: Epoch], others: [String]) {
        var epochs: [Symbol: Epoch] = [:]
        var others: [String] = []
        for (name, number) in named {
            if let symbol = Symbol(name), let epoch = Epoch(reported: number) {
                epochs[symbol] = epoch
            } else {
                others.append("\(name.prefix(40)) \(number)")
            }
        }
        return (epochs, others)
    }

    /// `futures/klineBin1H:BTCUSDT`: hours, days and weeks in upper case, as the exchange spells them.
    static func candle(of channel: String) -> (Symbol, Timeframe)? {
        guard channel.hasPrefix(channelPrefix) else { return nil }
        let parts = channel.dropFirst(channelPrefix.count).split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let unit = parts[0].last, let symbol = Symbol(parts[1]) else { return nil }
        let spelled = "HDW".contains(unit) ? parts[0].lowercased() : String(parts[0])
        return Timeframe(rawValue: spelled).map { (symbol, $0) }
    }
}
