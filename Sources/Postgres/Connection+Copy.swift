internal import CPostgresShim

/// COPY … FROM STDIN (FORMAT binary): `beginCopy`, any number of `copy`, then `endCopy`.
extension Connection {
    /// PostgreSQL's manual, COPY, binary format: signature, flags, no extension.
    package static let copyHeader: [UInt8] =
        [0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00] + [UInt8](repeating: 0, count: 8)

    /// `sql` ends with a COPY from standard input in binary format; what stands before it answers no rows. Sends the
    /// format's header too.
    package func beginCopy(_ sql: String) throws(PostgresError) {
        let open = unsafe try ready()
        try sent(unsafe PQsendQuery(open, sql))
        var answer = unsafe try nextResult()
        while let done = unsafe answer, unsafe PQresultStatus(done) == PGRES_COMMAND_OK {
            unsafe PQclear(done)
            unsafe answer = try nextResult()
        }
        guard let result = unsafe answer else { throw broken() }
        let status = unsafe PQresultStatus(result)
        guard status == PGRES_COPY_IN else {
            let refusal = unsafe ServerRefusal(result)
            unsafe PQclear(result)
            while let surplus = unsafe try nextResult() { unsafe PQclear(surplus) }
            guard status == PGRES_FATAL_ERROR, !refusal.state.isEmpty, unsafe PQstatus(open) != CONNECTION_BAD else {
                throw broken()
            }
            throw .refused(refusal)
        }
        unsafe PQclear(result)
        try copy(Self.copyHeader)
    }

    /// Whole rows of the binary format. The memory is the caller's again when this returns. What the server refuses is
    /// said by `endCopy`.
    package func copy(_ bytes: UnsafeRawBufferPointer) throws(PostgresError) {
        let open = unsafe try ready()
        guard bytes.count > 0, let start = bytes.baseAddress else { return }
        let answer = unsafe PQputCopyData(open, start.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
        guard answer == 1 else { throw broken() }
        try flush()
    }

    package func copy(_ bytes: [UInt8]) throws(PostgresError) {
        let open = unsafe try ready()
        let answer = unsafe bytes.withUnsafeBytes { raw in
            unsafe PQputCopyData(open, raw.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(raw.count))
        }
        guard answer == 1 else { throw broken() }
        try flush()
    }

    /// Ends the rows; how many the server took.
    @discardableResult package func endCopy() throws(PostgresError) -> Int {
        // A field count of -1 ends the format.
        try copy([0xff, 0xff])
        let open = unsafe try ready()
        guard unsafe PQputCopyEnd(open, nil) == 1 else { throw broken() }
        try flush()
        return try lastResult().changedRows
    }
}
