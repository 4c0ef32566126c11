/// Why a record is a dead letter of the stage `persist`. The words are metric labels and stand in `dead_letters.reason`.
package enum PersistRefusal: String, CaseIterable, Error {
    case nullValue = "null_value"
    /// Not one JSON object in UTF-8.
    case notAnObject = "not_an_object"
    case missingTime = "missing_time"
    /// The open time is neither whole milliseconds nor an ISO 8601 time, or not a time a candle can have.
    case badTime = "bad_time"
    /// One of open, high, low, close is missing.
    case missingPrice = "missing_price"
    /// A price or a volume that is not a number, or one without end.
    case notANumber = "not_a_number"
    /// More digits than anything traded has, or below zero where nothing can be.
    case outOfRange = "out_of_range"
    case highBelowLow = "high_below_low"
    /// The message's own symbol is not its topic's.
    case wrongSymbol = "wrong_symbol"
    /// Not one of the sixteen, or not its topic's.
    case wrongTimeframe = "wrong_timeframe"
    /// `is_closed` is there and neither true nor false.
    case badFlag = "bad_flag"
    case tooLarge = "too_large"
    /// The database's own rules, in its words.
    case refusedByDatabase = "refused_by_database"
}
