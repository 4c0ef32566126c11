internal import CPostgresShim

/// Rows of a statement, as text. Freed with its owner.
@safe package final class QueryResult {
    // Confined to its connection's thread; libpq's result does not change once it is there.
    private let result: OpaquePointer

    init(taking result: OpaquePointer) { unsafe self.result = result }

    deinit { unsafe PQclear(result) }

    package var rowCount: Int { Int(unsafe PQntuples(result)) }
    package var columnCount: Int { Int(unsafe PQnfields(result)) }

    /// The field as the server spells it; `nil` for null.
    package func text(_ row: Int, _ column: Int) -> String? {
        guard unsafe PQgetisnull(result, Int32(row), Int32(column)) == 0 else { return nil }
        return unsafe String(decoding: bytes(row, column), as: UTF8.self)
    }

    package func integer(_ row: Int, _ column: Int) -> Int64? { text(row, column).flatMap { Int64($0) } }

    /// A column of type boolean; `nil` for null.
    package func flag(_ row: Int, _ column: Int) -> Bool? { text(row, column).map { $0 == "t" } }

    /// A column of type bytea in the text form `\x…`; `nil` for null.
    package func byteArray(_ row: Int, _ column: Int) -> [UInt8]? {
        guard unsafe PQgetisnull(result, Int32(row), Int32(column)) == 0 else { return nil }
        let text = unsafe bytes(row, column)
        func nibble(_ character: UInt8) -> UInt8 { character <= 0x39 ? character &- 0x30 : character &- 0x57 }
        return (0..<max(0, text.count / 2 - 1)).map {
            unsafe nibble(text[2 + 2 * $0]) << 4 | nibble(text[3 + 2 * $0])
        }
    }

    /// How many rows the statement changed.
    package var changedRows: Int {
        unsafe Int(String(cString: PQcmdTuples(result))) ?? 0
    }

    private func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(
            start: PQgetvalue(result, Int32(row), Int32(column)),
            count: Int(PQgetlength(result, Int32(row), Int32(column))))
    }
}
