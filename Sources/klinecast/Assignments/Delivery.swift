import Assignment
import Foundation
import Gateway
import MarketData
import Telemetry

/// Whether the workers know of a change that was stored.
enum Delivery {
    case told
    /// What a worker could not be told within the time; the gateway goes on with it.
    case pending([Reconciler.Pending])
    /// A gateway runs, and has not looked at the change within the time.
    case late
    /// No gateway runs.
    case unattended

    private static let limit = Duration.seconds(5)
    private static let pause: UInt32 = 50_000

    /// Blocks up to 5 s, until the controller has brought about what `symbols` ask for.
    static func wait(for tag: StateTag, _ symbols: Set<Symbol>, _ storage: RedisAssignments) throws(CommandFailure)
        -> Delivery
    {
        let deadline = ContinuousClock.now + limit
        while true {
            let progress = try AssignmentAccess.stored { () throws(StorageError) in try storage.progress() }
            let reached = progress.flatMap {
                $0.tag.incarnation == tag.incarnation && $0.tag.version >= tag.version ? $0 : nil
            }
            let pending = reached?.pending.filter { symbols.contains($0.symbol) }
            if let pending, pending.isEmpty { return .told }
            let isAttended = try AssignmentAccess.stored { () throws(StorageError) in try storage.hasController() }
            guard isAttended else { return .unattended }
            guard ContinuousClock.now < deadline else { return pending.map(Delivery.pending) ?? .late }
            usleep(pause)
        }
    }

    var code: ExitCode { if case .told = self { .done } else { .degraded } }

    /// What an operator should know, one line each.
    var lines: [String] {
        switch self {
        case .told: []
        case .pending(let pending):
            [
                "\(Terminal.counted(pending.count, "step")) pending; the gateway goes on with \(pending.count == 1 ? "it" : "them"):"
            ]
                + pending.prefix(20).map { "  " + Self.line($0) } + (pending.count > 20 ? ["  …"] : [])
        case .late:
            ["the gateway has not looked at it within 5 s; `klinecast assignment --stats` shows what is pending"]
        case .unattended: ["no gateway runs: the workers are told when one does (`klinecast gateway`)"]
        }
    }

    static func line(_ pending: Reconciler.Pending) -> String {
        let trouble = pending.error.map { ": \(Terminal.plain($0, limit: 200))" } ?? ""
        let attempts = pending.attempts > 0 ? " (\(Terminal.counted(pending.attempts, "attempt")))" : ""
        return "\(pending.verb.rawValue) \(pending.symbol.name.uppercased()) at \(pending.worker)\(attempts)\(trouble)"
    }
}
