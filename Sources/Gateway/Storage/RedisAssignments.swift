import Assignment
import MarketData
package import Redis

/// The assignments in Redis, by the keys of docs/contracts/assignment.md.
///
/// Every change is one script that compares the tag, so that two writers can't lose each other's. It remembers the newest
/// state it saw: a read of what has not changed is one small answer, and a server that comes back with less is found out.
/// Blocking, confined to one thread at a time; each thread has its own.
package final class RedisAssignments: AssignmentStorage {
    /// What history keeps. Redis may keep some entries more (XADD MAXLEN ~); above the bytes, half of the entries go.
    package struct HistoryLimits: Sendable {
        package var entries = 1000
        package var bytes = 64 << 20

        package init() {}
    }

    /// How long a request's key is kept.
    private static let keyLife: Duration = .seconds(86_400)

    var scripts: ScriptedClient
    /// The newest state that was seen or stored.
    private var newest: StoredState?
    /// The highest epoch ever seen here.
    private var highestEpoch = Epoch.none

    /// Under which this storage was last granted the controller's lease.
    var controllerToken: String?

    let historyLimits: HistoryLimits

    /// - Parameter patience: how long a call may take, connecting included.
    package init(
        _ settings: RedisSettings, source: (any EndpointSource)? = nil, patience: Duration = .seconds(5),
        history: HistoryLimits = HistoryLimits()
    ) {
        historyLimits = history
        scripts = ScriptedClient(Client(settings, source: source, patience: patience))
    }

    package func read() throws(StorageError) -> StoredState {
        let reply = try scripts.run(
            StorageScripts.read, keys: AssignmentKeys.state,
            common + [text(newest?.tag.incarnation ?? ""), text(newest.map { String($0.tag.version) } ?? "")])
        guard let answer = reply.elements, let word = answer.first?.string else { throw Self.unexpected("read") }
        switch (word, answer.count) {
        case ("same", 1):
            guard let newest else { throw Self.unexpected("read") }
            return newest
        case ("whole", 7):
            let whole = try Self.whole(answer)
            let stored = StoredState(
                tag: whole.tag, state: whole.state, recovery: recovery(whole.tag, whole.state, since: whole.since))
            remember(stored)
            return stored
        default: throw Self.foreign(answer) ?? Self.unexpected("read")
        }
    }

    package func commit(_ change: Change) throws(StorageError) -> Committed {
        let difference = StateDifference(from: change.base.state, to: change.next)
        let floor = max(change.base.state.epochFloor, change.next.epochFloor)
        try Self.check(change, difference, floor)
        let key = change.key.map { [AssignmentKeys.request($0.text)] } ?? []
        let reply = try scripts.run(
            StorageScripts.commit, keys: AssignmentKeys.state + [AssignmentKeys.history] + key,
            arguments(change, difference, floor))
        guard let answer = reply.elements, let word = answer.first?.string else { throw Self.unexpected("commit") }
        switch (word, answer.count) {
        case ("stored", 3):
            guard let version = answer[1].string.flatMap({ Int64($0) }),
                let now = answer[2].string.flatMap({ Int64($0) })
            else { throw Self.unexpected("commit") }
            let stored = StoredState(
                tag: StateTag(incarnation: change.base.tag.incarnation, version: version),
                state: difference.applied(to: change.next, version: version, at: now, floor: floor),
                recovery: change.action == .recovery ? nil : change.base.recovery)
            remember(stored)
            return .stored(stored)
        default: return .repeated(answer: try Self.earlier(answer, "commit", change.key, change.base.tag))
        }
    }

    package func keep(_ key: RequestKey, at tag: StateTag) throws(StorageError) -> [UInt8]? {
        try Self.check(key)
        let reply = try scripts.run(
            StorageScripts.keep,
            keys: AssignmentKeys.state + [AssignmentKeys.history, AssignmentKeys.request(key.text)],
            common + request(key, tag))
        guard let answer = reply.elements, let word = answer.first?.string else { throw Self.unexpected("keep") }
        if word == "kept", answer.count == 1 { return nil }
        return try Self.earlier(answer, "keep", key, tag)
    }

    package func answer(to key: RequestKey) throws(StorageError) -> [UInt8]? {
        try Self.check(key)
        guard case .bulk(let bytes) = try scripts.command(["GET", AssignmentKeys.request(key.text)]) else { return nil }
        let cut = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
        guard bytes[..<cut].elementsEqual(key.fingerprint.utf8), cut < bytes.endIndex else {
            throw .keyReused(key.text)
        }
        return Array(bytes[(cut + 1)...])
    }
}

/// What the scripts are given.
extension RedisAssignments {
    /// The arguments that every script begins with.
    private var common: [[UInt8]] {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return [
            text(String(repeating: "0", count: 16 - digits.utf8.count) + digits), text(String(highestEpoch.number)),
        ]
    }

    private func arguments(_ change: Change, _ difference: StateDifference, _ floor: Epoch) -> [[UInt8]] {
        let lists = [
            difference.moved.flatMap { [text($0.symbol.name), StoredJSON.bytesToBeStamped($0.placement)] },
            difference.updated.flatMap { [text($0.symbol.name), StoredJSON.bytes($0.placement)] },
            difference.removed.map { text($0.name) },
            difference.workers.flatMap { [text($0.name.text), StoredJSON.bytes($0)] },
            difference.leavers.map { text($0.text) },
        ]
        let counts = [
            difference.moved.count, difference.updated.count, difference.removed.count, difference.workers.count,
            difference.leavers.count,
        ]
        return common + request(change.key, change.base.tag) + [
            text(String(floor.number)), text(AssignmentKeys.changes),
            StoredJSON.bytes(change.action.rawValue), StoredJSON.bytes(change.author),
            StoredJSON.bytes(steps: difference.steps, workers: difference.phrases), text(String(historyLimits.entries)),
            text(String(historyLimits.bytes)),
        ] + counts.map { text(String($0)) } + lists.joined()
    }

    /// What a request expects, and what is to be kept of it.
    private func request(_ key: RequestKey?, _ tag: StateTag) -> [[UInt8]] {
        [
            text(tag.incarnation), text(String(tag.version)), text(key?.fingerprint ?? ""), key?.answer ?? [],
            text(String(Self.keyLife.components.seconds)),
        ]
    }

    private func text(_ string: String) -> [UInt8] { Array(string.utf8) }

    /// What could not be read back is not stored.
    private static func check(_ change: Change, _ difference: StateDifference, _ floor: Epoch) throws(StorageError) {
        if let key = change.key { try check(key) }
        let epochs = (difference.moved + difference.updated).map(\.placement.epoch) + [floor]
        guard let highest = epochs.max(), highest.number <= Epoch.limit else {
            throw .refused("an epoch would be above \(Epoch.limit): a worker reported one that was never handed out")
        }
        if let worker = difference.workers.first(where: { !Worker.orders.contains($0.order) }) {
            throw .refused(
                "worker \(worker.name) would have the rank \(worker.order), above \(Worker.orders.upperBound): another one's was "
                    + "written by hand; remove and register that one")
        }
    }

    private static func check(_ key: RequestKey) throws(StorageError) {
        guard (1...RequestKey.lengthLimit).contains(key.text.utf8.count) else {
            throw .refused(
                "Idempotency-Key: must have 1…\(RequestKey.lengthLimit) bytes (got \(key.text.utf8.count))")
        }
        guard !key.fingerprint.utf8.contains(UInt8(ascii: "\n")) else {
            throw .refused("a request's fingerprint must be one line")
        }
        guard key.answer.count <= RequestKey.answerLimit else {
            throw .refused(
                "an answer that is kept may have \(RequestKey.answerLimit) bytes (got \(key.answer.count)): shorten it")
        }
    }
}

/// What the scripts answer.
extension RedisAssignments {
    private static func whole(_ answer: [ReplyTree]) throws(StorageError) -> (
        tag: StateTag, state: AssignmentState, since: Int64
    ) {
        guard let tag = tag(answer), let floor = answer[3].string.flatMap({ Int64($0) }).flatMap(Epoch.init(stored:)),
            let since = answer[4].string.flatMap({ Int64($0) }), let placed = answer[5].elements,
            let registered = answer[6].elements
        else { throw unexpected("read") }
        var placements: [Symbol: Placement] = [:]
        placements.reserveCapacity(placed.count / 2)
        for index in stride(from: 0, to: placed.count - 1, by: 2) {
            let entry = try placement(placed[index], placed[index + 1])
            placements[entry.symbol] = entry.placement
        }
        var workers: [Worker] = []
        for index in stride(from: 0, to: registered.count - 1, by: 2) {
            workers.append(try worker(registered[index], registered[index + 1]))
        }
        let state = AssignmentState(
            version: tag.version, placements: placements, workers: workers, epochFloor: floor)
        return (tag, state, since)
    }

    private static func placement(_ field: ReplyTree, _ value: ReplyTree) throws(StorageError) -> (
        symbol: Symbol, placement: Placement
    ) {
        guard case .bulk(let bytes) = value, let name = field.string else { throw unexpected("read") }
        guard let symbol = Symbol(name), symbol.name == name else {
            throw .damaged(
                sentence(AssignmentKeys.placements, name, "a symbol in lower case, [a-z0-9_-], is expected"))
        }
        do throws(JSONScanner.Fault) {
            return (symbol, try StoredJSON.placement(bytes))
        } catch {
            throw .damaged(sentence(AssignmentKeys.placements, name, error.description))
        }
    }

    private static func worker(_ field: ReplyTree, _ value: ReplyTree) throws(StorageError) -> Worker {
        guard case .bulk(let bytes) = value, let text = field.string else { throw unexpected("read") }
        guard let name = WorkerName(text) else {
            throw .damaged(sentence(AssignmentKeys.workers, text, "a worker's name is expected"))
        }
        do throws(JSONScanner.Fault) {
            return try StoredJSON.worker(name, bytes)
        } catch {
            throw .damaged(sentence(AssignmentKeys.workers, text, error.description))
        }
    }

    /// What a request was answered when it was carried out before; throws where it can't be carried out.
    private static func earlier(_ answer: [ReplyTree], _ script: String, _ key: RequestKey?, _ expected: StateTag)
        throws(StorageError) -> [UInt8]
    {
        switch (answer.first?.string, answer.count) {
        case ("repeated", 2):
            guard case .bulk(let bytes) = answer[1] else { throw unexpected(script) }
            return bytes
        case ("reused", 1): throw .keyReused(key?.text ?? "")
        case ("conflict", 3):
            guard let current = tag(answer) else { throw unexpected(script) }
            throw .conflict(expected: expected, current: current)
        default: throw foreign(answer) ?? unexpected(script)
        }
    }

    private static func tag(_ answer: [ReplyTree]) -> StateTag? {
        guard let incarnation = answer[1].string, let version = answer[2].string else { return nil }
        return StateTag("\(incarnation)-\(version)")
    }

    /// A key of ours that holds another type.
    private static func foreign(_ answer: [ReplyTree]) -> StorageError? {
        guard answer.count == 4, answer[0].string == "foreign", let key = answer[1].string, let kind = answer[2].string,
            let expected = answer[3].string
        else { return nil }
        return .damaged("Redis key \(key) is a \(kind), not a \(expected): it is not ours; rename or delete it")
    }

    static func sentence(_ key: String, _ field: String, _ what: String) -> String {
        "Redis key \(key), field \(field.prefix(64)): \(what); repair it with HSET or remove it with HDEL"
    }

    static func unexpected(_ script: String) -> StorageError {
        .damaged("Redis answered the script \(script) in a shape that is not ours: is this a Redis 6.2 or later?")
    }
}

/// What was known before.
extension RedisAssignments {
    private func remember(_ stored: StoredState) {
        newest = stored
        let epochs = stored.state.placements.values.map(\.epoch)
        highestEpoch = max(highestEpoch, stored.state.epochFloor, epochs.max() ?? .none)
    }

    /// What was known beyond what is there now; `nil` where nothing is missing.
    private func recovery(_ tag: StateTag, _ state: AssignmentState, since: Int64) -> Recovery? {
        guard let newest else { return nil }
        var epochs: [Symbol: Epoch] = newest.recovery?.epochs ?? [:]
        if newest.tag.incarnation != tag.incarnation {
            for (symbol, placement) in newest.state.placements {
                epochs[symbol] = max(epochs[symbol] ?? .none, placement.epoch)
            }
        }
        epochs = epochs.filter { symbol, epoch in epoch > state.placements[symbol]?.epoch ?? state.epochFloor }
        let isShort = newest.tag.incarnation != tag.incarnation && newest.tag.version > since
        guard isShort || !epochs.isEmpty || newest.recovery != nil else { return nil }
        return Recovery(known: newest.recovery?.known ?? newest.tag, epochs: epochs)
    }
}
