extension Duration {
    /// A whole number and a unit: `250ms`, `60s`, `5m`, `2h`, `1d`, `1w`, `2y` (a year has 365 days). At most a hundred years.
    package init?(parsing text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let number = Int64(digits),
            let milliseconds = Self.units[text.dropFirst(digits.count).trimmed]
        else { return nil }
        let (total, overflow) = number.multipliedReportingOverflow(by: milliseconds)
        guard !overflow, total <= 100 * 365 * 86_400_000 else { return nil }
        self = .milliseconds(total)
    }

    private static let units: [String: Int64] = [
        "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
        "w": 604_800_000, "y": 365 * 86_400_000,
    ]

    /// The shortest text that `init(parsing:)` reads back as the same duration.
    package var text: String {
        let milliseconds = self.milliseconds
        for (unit, size) in [("d", Int64(86_400_000)), ("h", 3_600_000), ("m", 60_000)]
        where milliseconds > size && milliseconds % size == 0 {
            return "\(milliseconds / size)\(unit)"
        }
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
    }

    package var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}

/// Bytes as people write them: KB, MB and GB are powers of 1024.
package enum ByteCount {
    package static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits) else { return nil }
        let scale: Int
        switch text.dropFirst(digits.count).trimmed.uppercased() {
        case "", "B": scale = 1
        case "K", "KB", "KIB": scale = 1 << 10
        case "M", "MB", "MIB": scale = 1 << 20
        case "G", "GB", "GIB": scale = 1 << 30
        default: return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: scale)
        return overflow ? nil : bytes
    }

    /// The shortest text that `parse` reads back as the same number.
    package static func text(_ bytes: Int) -> String {
        for (unit, size) in [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)] where bytes >= size && bytes % size == 0
        {
            return "\(bytes / size)\(unit)"
        }
        return "\(bytes)"
    }
}
