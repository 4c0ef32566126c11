import Assignment
import Gateway
import MarketData
import Telemetry

/// A plan and what became of it as JSON, with the members that the API's answers have.
enum PlanDocument {
    /// - Parameters:
    ///   - tags: of the state that the plan was made from, and of the one that is stored now.
    ///   - delivery: `nil` where nothing was stored.
    static func of(
        _ plan: Plan, removed: [Symbol], tags: (from: StateTag, now: StateTag), isLive: Bool, isStored: Bool,
        _ delivery: Delivery?
    ) -> JSONWriter {
        var json = JSONWriter(reserving: 4_096)
        json.object { json in
            json.member("ok", plan.unplaced.isEmpty)
            json.member("live", isLive)
            json.member("stored", isStored)
            json.member("from", tags.from.description)
            json.member("version", tags.now.description)
            json.member("plan", object: { PlanAnswer.write(plan, removed, isLive: isLive, &$0) })
            switch delivery {
            case nil: break
            case .told: write([], isAttended: true, &json)
            case .pending(let pending): write(pending, isAttended: true, &json)
            case .late, .unattended: write([], isAttended: false, &json)
            }
        }
        return json
    }

    /// - Parameter isAttended: whether a gateway has looked at the change.
    static func write(_ pending: [Reconciler.Pending], isAttended: Bool, _ json: inout JSONWriter) {
        json.member("attended", isAttended)
        json.member("pending_count", pending.count)
        json.member(
            "pending",
            array: { json in
                for one in pending {
                    json.object { json in
                        json.member("symbol", one.symbol.name.uppercased())
                        json.member("worker", one.worker.text)
                        json.member("action", one.verb.rawValue)
                        json.member("attempts", one.attempts)
                        json.member("error", one.error)
                    }
                }
            })
    }
}
