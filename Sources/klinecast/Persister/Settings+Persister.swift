import Configuration
import MarketData
import Persister

extension PersistSettings {
    init(_ settings: Settings) {
        self.init()
        limits = RowBatchLimits(rows: settings.database.batchRows, bytes: settings.database.batchBytes)
        batchTime = settings.database.batchTime
        messageBytes = settings.persister.messageMaximumBytes
        symbols = Set(settings.router.symbols.compactMap { Symbol($0) })
        retention = settings.database.retention
        pauseAfter = settings.kafka.stallPause
        // The commit and the group's own leave come after it, within the same limit.
        drainLimit = settings.process.drainDeadline * 0.7
        revocationLimit = min(.seconds(3), settings.kafka.sessionTimeout * 0.3)
    }
}
