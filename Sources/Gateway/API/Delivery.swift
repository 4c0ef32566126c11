import Assignment
import Glibc
import MarketData
import Telemetry

/// What workers could not be told yet of a change.
struct Delivery {
    /// More are counted only.
    private static let shownLimit = 1_000
    /// Microseconds between two looks; they grow, since each look reads all that is pending.
    private static let pauses: ClosedRange<UInt32> = 20_000...200_000

    /// Whether a controller has looked at the change.
    private var isAttended = true
    private var pending: [Reconciler.Pending] = []

    /// Nothing to tell.
    init() {}

    /// As it stands, for symbols that were not changed just now.
    /// - Parameters:
    ///   - tag: the state that the workers are to know of.
    ///   - symbols: `nil` for all, where nobody knows which were meant.
    init(current tag: StateTag, _ symbols: Set<Symbol>?, _ storage: any AssignmentStorage) {
        isAttended = false
        look(for: tag, symbols, storage)
    }

    /// Waits until the workers were told, or `mayWait` says no. A storage that fails meanwhile takes nothing back: the
    /// change is stored.
    init(
        waitingFor tag: StateTag, _ symbols: Set<Symbol>, _ storage: any AssignmentStorage, while mayWait: () -> Bool
    ) {
        isAttended = false
        var pause = Self.pauses.lowerBound
        while true {
            look(for: tag, symbols, storage)
            if isAttended, pending.isEmpty { return }
            guard mayWait() else { return }
            usleep(pause)
            pause = min(pause * 2, Self.pauses.upperBound)
        }
    }

    private mutating func look(for tag: StateTag, _ symbols: Set<Symbol>?, _ storage: any AssignmentStorage) {
        guard let progress = try? storage.progress(), progress.tag.incarnation == tag.incarnation,
            progress.tag.version >= tag.version
        else { return }
        isAttended = true
        pending = progress.pending.filter { symbols?.contains($0.symbol) ?? true }
    }

    /// The answer's object with the members of this at its end.
    func joined(to object: [UInt8]) -> [UInt8] {
        var json = JSONWriter(reserving: 64 + 128 * min(pending.count, Self.shownLimit))
        json.object { json in
            json.member("attended", isAttended)
            json.member("pending_count", pending.count)
            json.member(
                "pending", array: { json in for one in pending.prefix(Self.shownLimit) { Self.write(one, &json) } })
        }
        return object.dropLast() + [UInt8(ascii: ",")] + json.bytes.dropFirst()
    }

    static func write(_ one: Reconciler.Pending, _ json: inout JSONWriter) {
        json.object { json in
            json.member("symbol", one.symbol.name.uppercased())
            json.member("worker", one.worker.text)
            json.member("action", one.verb.rawValue)
            json.member("attempts", one.attempts)
            json.member("error", one.error)
        }
    }
}
