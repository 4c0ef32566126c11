import Assignment
import MarketData
import Telemetry

/// What placements, workers, history and progress look like in Redis: docs/contracts/assignment.md. Members that are not ours
/// are passed over.
enum StoredJSON {
    static func bytes(_ placement: Placement) -> [UInt8] {
        var writer = JSONWriter(reserving: 160)
        writer.object { writer in
            writer.member("worker", placement.worker.text)
            writer.key("timeframes")
            writer.array { for timeframe in placement.timeframes { $0.string(timeframe.rawValue) } }
            writer.member("epoch", placement.epoch.number)
            writer.member("pinned", placement.isPinned)
            writer.member("assigned_at", placement.assignedAt)
        }
        return writer.bytes
    }

    /// The same up to the time, which a script puts behind it with the closing brace.
    static func bytesToBeStamped(_ placement: Placement) -> [UInt8] {
        var unstamped = placement
        unstamped.assignedAt = 0
        return bytes(unstamped).dropLast(2)
    }

    static func placement(_ bytes: [UInt8]) throws(JSONScanner.Fault) -> Placement {
        var worker: WorkerName?
        var timeframes: [Timeframe]?
        var epoch: Epoch?
        var isPinned = false
        var assignedAt: Int64 = 0
        try document(bytes) { scanner, name throws(JSONScanner.Fault) in
            switch name {
            case "worker": worker = try known(&scanner, "a worker's name") { WorkerName($0) }
            case "timeframes":
                var list: [Timeframe] = []
                try scanner.array { scanner throws(JSONScanner.Fault) in
                    list.append(try known(&scanner, "a timeframe") { Timeframe(rawValue: $0) })
                }
                timeframes = list
            case "epoch":
                guard let number = Epoch(stored: try scanner.integer()) else {
                    throw scanner.fault("epoch: 0…\(Epoch.limit)")
                }
                epoch = number
            case "pinned": isPinned = try scanner.boolean()
            case "assigned_at": assignedAt = try scanner.integer()
            default: try scanner.skip()
            }
        }
        guard let worker, let timeframes, let epoch else {
            throw JSONScanner.Fault(expected: "worker, timeframes and epoch", offset: bytes.count)
        }
        return Placement(
            worker: worker, timeframes: timeframes, epoch: epoch, isPinned: isPinned, assignedAt: assignedAt)
    }

    static func bytes(_ worker: Worker) -> [UInt8] {
        var writer = JSONWriter(reserving: 128)
        writer.object { writer in
            writer.member("address", worker.address)
            writer.member("capacity", worker.capacity)
            writer.member("weight", worker.weight)
            writer.member("state", worker.state.rawValue)
            if worker.wasDraining { writer.member("was_draining", true) }
            writer.member("order", worker.order)
        }
        return writer.bytes
    }

    static func worker(_ name: WorkerName, _ bytes: [UInt8]) throws(JSONScanner.Fault) -> Worker {
        var address: String?
        var capacity: Int?
        var weight = 1
        var state = Worker.State.active
        var wasDraining = false
        var order: Int?
        try document(bytes) { scanner, name throws(JSONScanner.Fault) in
            switch name {
            case "address": address = try scanner.string()
            case "capacity":
                capacity = try scanner.optional { scanner throws(JSONScanner.Fault) in
                    try number(&scanner, 0...Int.max, "capacity")
                }
            case "weight": weight = try number(&scanner, Worker.weights, "weight")
            case "state": state = try known(&scanner, "active, draining or gone") { Worker.State(rawValue: $0) }
            case "was_draining": wasDraining = try scanner.boolean()
            case "order": order = try number(&scanner, Worker.orders, "order")
            default: try scanner.skip()
            }
        }
        guard let address, let order else {
            throw JSONScanner.Fault(expected: "address and order", offset: bytes.count)
        }
        return Worker(
            name: name, address: address, capacity: capacity, weight: weight, state: state,
            wasDraining: wasDraining, order: order)
    }

    /// One string as JSON.
    static func bytes(_ text: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.string(text)
        return writer.bytes
    }

    /// Members of one object. `read` takes each member's value.
    static func document(
        _ bytes: [UInt8], _ read: (inout JSONScanner, String) throws(JSONScanner.Fault) -> Void
    ) throws(JSONScanner.Fault) {
        var scanner = JSONScanner(bytes)
        try scanner.object(read)
        try scanner.end()
    }

    /// A string that has a meaning.
    static func known<Value>(_ scanner: inout JSONScanner, _ what: String, _ value: (String) -> Value?)
        throws(JSONScanner.Fault) -> Value
    {
        let text = try scanner.string()
        guard let value = value(text) else { throw scanner.fault("\(what) instead of \(text.prefix(40))") }
        return value
    }

    static func number(_ scanner: inout JSONScanner, _ range: ClosedRange<Int>, _ what: String)
        throws(JSONScanner.Fault) -> Int
    {
        let value = Int(try scanner.integer())
        guard range.contains(value) else {
            throw scanner.fault("\(what): \(range.lowerBound)…\(range.upperBound) instead of \(value)")
        }
        return value
    }
}
