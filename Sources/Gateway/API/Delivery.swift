import Assignment
import Glibc
import MarketData
import Telemetry

/// What workers could not be told yet of a change.
struct Delivery {
    /// More are counted only.
    private static let shownLimit = 1_000

    /// Whether a controller has looked at the change.
    private var isAttended = true
    private var pending: [Reconciler.Pending] = []

    /// Nothing to tell.
    init() {}

    /// As it stands, for symbols that were not changed just now.
    init(current symbols: Set<Symbol>, _ storage: any AssignmentStorage) {
        guard let progress = try? storage.progress() else { return }
        pending = progress.pending.filter { symbols.contains($0.symbol) }
    }

    /// Waits until the workers were told, or `mayWait` says no. A storage that fails meanwhile takes nothing back: the
    /// change is stored.
    init(
        waitingFor tag: StateTag, _ symbols: Set<Symbol>, _ storage: any AssignmentStorage, while mayWait: () -> Bool
    ) {
        isAttended = false
        while true {
            if let progress = try? storage.progress(), progress.tag.incarnation == tag.incarnation,
                progress.tag.version >= tag.version
            {
                isAttended = true
                pending = progress.pending.filter { symbols.contains($0.symbol) }
                if pending.isEmpty { return }
            }
            guard mayWait() else { return }
            usleep(20_000)
        }
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
