import Persister
import Records
import Testing

@Suite struct TradeDecoderTests {
    private func decode(_ text: String?, into batch: RowBatch, limit: Int = 1_024) -> (PersistRefusal?, String) {
        var decoder = TradeDecoder(messageLimit: limit)
        let bytes = Array((text ?? "").utf8)
        let refusal = unsafe bytes.withUnsafeBytes { value in
            unsafe decoder.decode(
                Record(
                    kind: .record, slot: 0, offset: 41, timestamp: 7, key: nil, value: text == nil ? nil : value,
                    handle: nil), for: .executions, step: 2, into: batch)
        }
        return (refusal, decoder.refusalDetail)
    }

    @Test(arguments: [
        ("signals", TradeRow.Table.signals), ("analyzer.signals", .signals), ("signals.filtered", .signals),
        ("executions", .executions), ("orders", .orders), ("orders.dlq", nil), ("market.data.btcusdt.1m", nil),
    ])
    func aTopicHasItsTable(topic: String, table: TradeRow.Table?) {
        #expect(TradeRow.Table(topic: topic) == table)
    }

    @Test func aMessageIsKeptByteByByteWithItsNames() {
        let batch = RowBatch(limits: RowBatchLimits())
        let text =
            #" { "order_id" : 4711, "symbol":"BTC\u0055SDT","price":57000.10, "clientOrderId":"é","side":"BUY","strategy":null}"#
        #expect(decode(text, into: batch).0 == nil)
        #expect(
            batch.trades == [
                TradeRow(
                    table: .executions, step: 2, offset: 41, timestamp: 7, message: Array(text.utf8), symbol: "BTCUSDT",
                    orderID: "4711", clientOrderID: "é", strategy: nil, side: "BUY")
            ])
    }

    @Test func namesThatNoIndexTakesAreLeftToTheMessage() {
        let batch = RowBatch(limits: RowBatchLimits())
        let long = String(repeating: "x", count: 256)
        #expect(
            decode(
                #"{"orderId":{"a":1},"symbol":"","side":true,"strategy":"\#(long)","client_order_id":"a\u0000"}"#,
                into: batch
            ).0 == nil)
        let row = batch.trades[0]
        #expect([row.orderID, row.symbol, row.side, row.strategy, row.clientOrderID] == [nil, nil, nil, nil, nil])
    }

    @Test func whatIsNoObjectIsRefused() {
        let batch = RowBatch(limits: RowBatchLimits())
        #expect(decode(nil, into: batch).0 == .nullValue)
        for text in ["", "[]", "7", #"{"order_id":07}"#, #"{"a":"\x"}"#, "{"] {
            #expect(decode(text, into: batch).0 == .notAnObject)
        }
        let (refusal, detail) = decode(#"{"a":1}"#, into: batch, limit: 6)
        #expect(refusal == .tooLarge)
        #expect(detail == "the record's value is over the limit of 6 bytes (got 7)")
        #expect(batch.trades.isEmpty)
        #expect(batch.keptByteCount == 0)
    }
}
