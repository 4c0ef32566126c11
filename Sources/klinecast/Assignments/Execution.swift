import Assignment
import Gateway
import MarketData
import Telemetry

/// Shows a plan, or what became of it, and waits until the workers know.
struct Execution {
    let storage: RedisAssignments
    let terms: AssignmentService.Terms
    let isJSON: Bool

    var service: AssignmentService { AssignmentService(storage: storage) }

    func run(_ request: (AssignmentService.Terms) throws(AssignmentError) -> AssignmentService.Result)
        throws(CommandFailure) -> ExitCode
    {
        let result: AssignmentService.Result
        do throws(AssignmentError) { result = try request(terms) } catch .noCapacity(let plan) {
            try show(refused: plan)
            throw AssignmentAccess.failure(.noCapacity(plan))
        } catch {
            throw AssignmentAccess.failure(error)
        }
        switch result {
        case .done(let outcome): return try finish(outcome)
        // No key, no repetition.
        case .repeated: return .done
        }
    }

    private func finish(_ outcome: AssignmentService.Outcome) throws(CommandFailure) -> ExitCode {
        let (plan, after) = (outcome.plan, outcome.after)
        var delivery: Delivery?
        if outcome.isStored {
            let concerned = Set(plan.moves.map(\.symbol) + plan.updates.map(\.symbol) + outcome.removed)
            if !isJSON { Terminal.progress("stored as \(after.tag); the workers are being told") }
            delivery = try Delivery.wait(for: after.tag, concerned, storage)
        }
        if isJSON {
            Terminal.data(
                PlanDocument.of(
                    plan, removed: outcome.removed, tags: (outcome.before.tag, after.tag), isLive: terms.isLive,
                    isStored: outcome.isStored, delivery))
        } else {
            Terminal.data(PlanText.of(plan, removed: outcome.removed, before: outcome.before.state))
            Terminal.talk(closing(outcome))
            for line in delivery?.lines ?? [] { Terminal.talk(line) }
        }
        return delivery?.code ?? .done
    }

    /// A plan that some symbols find no place in.
    private func show(refused plan: Plan) throws(CommandFailure) {
        let stored = try AssignmentAccess.stored { () throws(StorageError) in try storage.read() }
        if isJSON {
            Terminal.data(
                PlanDocument.of(
                    plan, removed: [], tags: (stored.tag, stored.tag), isLive: terms.isLive, isStored: false, nil))
        } else {
            Terminal.data(PlanText.of(plan, removed: [], before: stored.state))
        }
    }

    private func closing(_ outcome: AssignmentService.Outcome) -> String {
        let summary = PlanText.summary(outcome.plan, removed: outcome.removed)
        if outcome.isStored { return "\(summary); stored as version \(outcome.after.tag)" }
        if !outcome.plan.isChange, outcome.removed.isEmpty {
            guard let unplaced = outcome.plan.unplaced.first else { return "\(summary); nothing to change" }
            let remedy =
                switch unplaced.reason {
                case .noCapacity: "raise the capacity or add a worker"
                case .noActiveWorker: "add a worker, or activate one"
                }
            return "\(summary); nothing can be changed: \(remedy)"
        }
        return "\(summary); a plan, nothing was changed: add --live --if-match \(outcome.before.tag) to carry it out"
    }
}
