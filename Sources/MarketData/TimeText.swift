/// A moment as a message spells it in ISO 8601's extended format.
package enum TimeText {
    /// Milliseconds since 1970 of `2026-01-02T03:04:05.678Z` and its shorter forms: a blank or `t` instead of the `T`, no
    /// fraction (what it says beyond milliseconds is cut off), no seconds, the date alone; a zone `Z`, `+05:30`, `+0530`,
    /// `+05`, or none, which is UTC. `nil` for anything else, a date that does not exist among them. Hot: allocates nothing.
    package static func milliseconds(iso8601 text: UnsafeRawBufferPointer) -> Int64? {
        var reader = unsafe Reader(text: text)
        guard let year = reader.number(digits: 4), reader.skip("-"), let month = reader.number(digits: 2),
            reader.skip("-"), let day = reader.number(digits: 2), (1...12).contains(month),
            (1...CivilTime.daysIn(month: month, of: year)).contains(day)
        else { return nil }
        let midnight = CivilTime.midnight(year: year, month: month, day: day)
        guard !reader.isAtEnd else { return midnight }
        guard reader.skip("T") || reader.skip("t") || reader.skip(" "), let ofDay = reader.timeOfDay(),
            let zone = reader.zone(), reader.isAtEnd
        else { return nil }
        return midnight + ofDay - zone
    }

    /// Lives within one call that has the text.
    @safe private struct Reader {
        let text: UnsafeRawBufferPointer
        var place = 0

        init(text: UnsafeRawBufferPointer) { unsafe self.text = text }

        var isAtEnd: Bool { unsafe place == text.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard !isAtEnd, unsafe text[place] == UInt8(ascii: character) else { return false }
            place += 1
            return true
        }

        mutating func number(digits: Int) -> Int? {
            guard unsafe text.count - place >= digits else { return nil }
            var value = 0
            for _ in 0..<digits {
                let digit = unsafe text[place] &- UInt8(ascii: "0")
                guard digit < 10 else { return nil }
                value = value * 10 + Int(digit)
                place += 1
            }
            return value
        }

        /// `03:04`, `03:04:05`, `03:04:05.678901` in milliseconds.
        mutating func timeOfDay() -> Int64? {
            guard let hour = number(digits: 2), hour < 24, skip(":"), let minute = number(digits: 2), minute < 60 else {
                return nil
            }
            let minutes = Int64(hour * 60 + minute)
            guard skip(":") else { return minutes * 60_000 }
            guard let second = number(digits: 2), second < 60 else { return nil }
            var milliseconds = (minutes * 60 + Int64(second)) * 1_000
            guard skip(".") || skip(",") else { return milliseconds }
            let first = place
            var unit: Int64 = 100
            while !isAtEnd, case let digit = unsafe text[place] &- UInt8(ascii: "0"), digit < 10 {
                milliseconds += Int64(digit) * unit
                unit /= 10
                place += 1
            }
            return place > first ? milliseconds : nil
        }

        /// What is ahead of UTC, in milliseconds.
        mutating func zone() -> Int64? {
            guard !isAtEnd, !skip("Z"), !skip("z") else { return 0 }
            let isBehind = skip("-")
            guard isBehind || skip("+"), let hours = number(digits: 2), hours < 24 else { return nil }
            var minutes = hours * 60
            if !isAtEnd {
                _ = skip(":")
                guard let more = number(digits: 2), more < 60 else { return nil }
                minutes += more
            }
            return Int64(isBehind ? -minutes : minutes) * 60_000
        }
    }
}
