import Assignment
import MarketData

/// How a change gets into the storage.
extension AssignmentService {
    /// What a request makes of a state.
    struct Step {
        var plan: Plan
        let next: AssignmentState
    }

    /// Reads, lets `step` decide, and stores what it gave.
    func carryOut(
        _ action: HistoryEntry.Action, _ terms: Terms,
        _ step: (AssignmentState) throws(AssignmentError) -> Step
    ) throws(AssignmentError) -> Result {
        if let answer = try earlierAnswer(terms) { return .repeated(answer: answer) }
        var attempt = 1
        while true {
            let before = try state(terms)
            let step = try step(before.state)
            let isChange = StateDifference(from: before.state, to: step.next).isChange
            let unchanged = Self.outcome(step, before, before, isStored: false)
            guard terms.isLive, isChange || terms.key != nil else { return .done(unchanged) }
            do throws(StorageError) {
                if !isChange {
                    guard let key = Self.key(terms, unchanged) else { return .done(unchanged) }
                    return try storage.keep(key, at: before.tag).map { .repeated(answer: $0) } ?? .done(unchanged)
                }
                let change = Change(
                    from: before, to: step.next, action, by: terms.author, key: Self.key(terms, step, before))
                switch try storage.commit(change) {
                case .stored(let after): return .done(Self.outcome(step, before, after, isStored: true))
                case .repeated(let answer): return .repeated(answer: answer)
                }
            } catch {
                guard case .conflict = error, terms.condition == nil, attempt < Self.attemptLimit else {
                    throw .storage(error)
                }
                attempt += 1
            }
        }
    }

    static func planned(_ plan: () throws(PlanError) -> Plan) throws(AssignmentError) -> Plan {
        do throws(PlanError) { return try plan() } catch { throw assignmentError(error) }
    }

    static func step(from state: AssignmentState, by plan: Plan) throws(AssignmentError) -> Step {
        var next = state
        // The storage sets the times.
        do throws(PlanError) { try next.apply(plan, at: 0) } catch { throw assignmentError(error) }
        return Step(plan: plan, next: next)
    }

    private static func assignmentError(_ error: PlanError) -> AssignmentError {
        if case .unknownWorker(let name, let known) = error { return .unknownWorker(name, known: known) }
        return .plan(error)
    }

    /// A request that was carried out before is not planned again: there may be nothing left to change.
    private func earlierAnswer(_ terms: Terms) throws(AssignmentError) -> [UInt8]? {
        guard terms.isLive, let key = terms.key else { return nil }
        do throws(StorageError) {
            return try storage.answer(to: RequestKey(text: key.text, fingerprint: key.fingerprint, answer: []))
        } catch {
            throw .storage(error)
        }
    }

    /// What is stored, when that is what the client saw.
    private func state(_ terms: Terms) throws(AssignmentError) -> StoredState {
        do throws(StorageError) {
            let stored = try storage.read()
            guard let condition = terms.condition, condition != stored.tag else { return stored }
            throw StorageError.conflict(expected: condition, current: stored.tag)
        } catch {
            throw .storage(error)
        }
    }

    private static func key(_ terms: Terms, _ step: Step, _ before: StoredState) -> RequestKey? {
        guard terms.key != nil else { return nil }
        let tag = StateTag(incarnation: before.tag.incarnation, version: before.tag.version + 1)
        let state = StateDifference(from: before.state, to: step.next)
            .applied(to: step.next, version: tag.version, at: 0, floor: step.next.epochFloor)
        return Self.key(terms, outcome(step, before, StoredState(tag: tag, state: state), isStored: true))
    }

    /// The client's key with what it will be answered.
    private static func key(_ terms: Terms, _ outcome: Outcome) -> RequestKey? {
        guard let key = terms.key else { return nil }
        var answer = terms.answer(outcome)
        if answer.count > RequestKey.answerLimit { answer = StoredJSON.short(answer, outcome) }
        return RequestKey(text: key.text, fingerprint: key.fingerprint, answer: answer)
    }

    private static func outcome(_ step: Step, _ before: StoredState, _ after: StoredState, isStored: Bool) -> Outcome {
        let removed = before.state.placements.keys.filter { step.next.placements[$0] == nil }
        return Outcome(
            plan: step.plan, before: before, after: after, removed: removed.sorted(by: Symbol.isOrdered),
            isStored: isStored)
    }
}
