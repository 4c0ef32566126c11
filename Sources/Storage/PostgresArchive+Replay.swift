package import Persister

extension PostgresArchive {
    package func replay(_ batch: RowBatch) throws(StoreError) -> WriteReport {
        if writer == nil {
            let fresh = makeWriter()
            try fresh.open()
            writer = fresh
        }
        return try writer?.writeRows(batch) ?? WriteReport()
    }
}
