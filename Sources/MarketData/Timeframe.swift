/// The length of a candle, spelled as in topics and channels.
package enum Timeframe: String, CaseIterable, Sendable {
    case oneSecond = "1s"
    case oneMinute = "1m"
    case threeMinutes = "3m"
    case fiveMinutes = "5m"
    case fifteenMinutes = "15m"
    case thirtyMinutes = "30m"
    case oneHour = "1h"
    case twoHours = "2h"
    case fourHours = "4h"
    case sixHours = "6h"
    case eightHours = "8h"
    case twelveHours = "12h"
    case oneDay = "1d"
    case threeDays = "3d"
    case oneWeek = "1w"
    case oneMonth = "1M"

    /// Milliseconds from one open time to the next; `nil` for a month, whose lengths differ.
    package var milliseconds: Int64? {
        let (count, unit) = (Int64(rawValue.dropLast()) ?? 1, rawValue.last)
        switch unit {
        case "s": return count * 1_000
        case "m": return count * 60_000
        case "h": return count * 3_600_000
        case "d": return count * 86_400_000
        case "w": return count * 604_800_000
        default: return nil
        }
    }
}
