internal import CKafkaShim

/// Transactions, for a producer whose settings have the property `transactional.id`. All calls block up to `timeout`.
extension Producer {
    /// Once, before the first transaction: ends what an earlier producer of that identifier left open.
    package func prepareTransactions(timeout: Duration = .seconds(30)) throws(KafkaError) {
        try unsafe check(rd_kafka_init_transactions(client, timeout.cMilliseconds), "prepare transactions")
    }
    package func beginTransaction() throws(KafkaError) {
        try unsafe check(rd_kafka_begin_transaction(client), "begin a transaction")
    }
    package func commitTransaction(timeout: Duration = .seconds(30)) throws(KafkaError) {
        try unsafe check(rd_kafka_commit_transaction(client, timeout.cMilliseconds), "commit a transaction")
    }
    package func abortTransaction(timeout: Duration = .seconds(30)) throws(KafkaError) {
        try unsafe check(rd_kafka_abort_transaction(client, timeout.cMilliseconds), "abort a transaction")
    }

    private func check(_ error: OpaquePointer?, _ attempt: String) throws(KafkaError) {
        if let failure = unsafe KafkaFailure.taken(error) { throw .failed(attempt: attempt, failure) }
    }
}
