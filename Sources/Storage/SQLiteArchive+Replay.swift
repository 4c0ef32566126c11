package import Persister

extension SQLiteArchive {
    package func replay(_ batch: RowBatch) throws(StoreError) -> WriteReport {
        if writer == nil {
            var options = SQLiteStore.Options()
            // A person waits; a persister's transactions take less.
            options.busyTimeout = .seconds(5)
            options.isOpenElsewhere = true
            let fresh = SQLiteStore(path: path, group: "", options: options)
            try fresh.open()
            writer = fresh
        }
        return try writer?.writeRows(batch) ?? WriteReport()
    }
}
