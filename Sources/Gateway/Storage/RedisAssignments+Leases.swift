package import Assignment
import Redis

/// Leases run by the server's clock alone: PX.
extension RedisAssignments {
    package func acquire(_ lease: LeaseName, token: String, for duration: Duration) throws(StorageError) -> Bool {
        let milliseconds = duration / .milliseconds(1)
        precondition(!token.isEmpty && milliseconds >= 1, "a lease has a holder and a time")
        let reply = try scripts.run(
            StorageScripts.acquire, keys: [AssignmentKeys.lease(lease)],
            [Array(token.utf8), Array(String(Int64(milliseconds)).utf8)])
        guard let granted = reply.integer else { throw Self.unexpected("acquire") }
        if lease == .controller { controllerToken = granted == 1 ? token : nil }
        return granted == 1
    }

    package func keepLeases(of workers: [WorkerName], token: String, for duration: Duration) throws(StorageError) {
        guard !workers.isEmpty else { return }
        let milliseconds = Int64(duration / .milliseconds(1))
        precondition(!token.isEmpty && milliseconds >= 1, "a lease has a holder and a time")
        let reply = try scripts.run(
            StorageScripts.heartbeats, keys: workers.map { AssignmentKeys.lease(.worker($0)) },
            [Array(token.utf8), Array(String(milliseconds).utf8)])
        guard reply.integer != nil else { throw Self.unexpected("heartbeats") }
    }

    package func release(_ lease: LeaseName, token: String) throws(StorageError) {
        if lease == .controller, controllerToken == token { controllerToken = nil }
        _ = try scripts.run(StorageScripts.release, keys: [AssignmentKeys.lease(lease)], [Array(token.utf8)])
    }

    package func leases(of workers: [WorkerName]) throws(StorageError) -> [WorkerName: Duration] {
        guard !workers.isEmpty else { return [:] }
        let reply = try scripts.run(
            StorageScripts.remaining, keys: workers.map { AssignmentKeys.lease(.worker($0)) }, [])
        guard let times = reply.elements, times.count == workers.count else { throw Self.unexpected("remaining") }
        var leases: [WorkerName: Duration] = [:]
        for (worker, time) in zip(workers, times) {
            guard let milliseconds = time.integer, milliseconds >= 0 else { continue }
            leases[worker] = .milliseconds(milliseconds)
        }
        return leases
    }

    package func progress() throws(StorageError) -> Progress? {
        guard case .bulk(let bytes) = try scripts.command(["GET", AssignmentKeys.progress]) else { return nil }
        do throws(JSONScanner.Fault) {
            return try StoredJSON.progress(bytes)
        } catch {
            throw .damaged("Redis key \(AssignmentKeys.progress): \(error); DEL it, a controller writes it anew")
        }
    }

    package func post(_ progress: Progress) throws(StorageError) {
        guard let controllerToken else { return }
        _ = try scripts.run(
            StorageScripts.post, keys: [AssignmentKeys.progress, AssignmentKeys.lease(.controller)],
            [StoredJSON.bytesToBeStamped(progress), Array(controllerToken.utf8)])
    }
}

extension RedisAssignments {
    /// Entries asked for at once; fewer where they are too long for one answer.
    private static let page = 5

    package func history(limit: Int) throws(StorageError) -> [HistoryEntry] {
        var entries: [HistoryEntry] = []
        var end = "+"
        let limit = min(limit, historyLimits.entries)
        var most = Self.page
        while entries.count < limit {
            let count = min(most, limit - entries.count)
            let command = ["XREVRANGE", AssignmentKeys.history, end, "-", "COUNT", "\(count)"]
            guard let reply = try count > 1 ? scripts.short(command) : scripts.command(command) else {
                most = count / 2
                continue
            }
            guard let page = reply.elements else { throw Self.unexpected("XREVRANGE") }
            for item in page {
                guard let parts = item.elements, parts.count == 2, let id = parts[0].string else {
                    throw Self.unexpected("XREVRANGE")
                }
                entries.append(try Self.entry(id, parts[1].elements ?? []))
                end = "(" + id
            }
            if page.count < count { break }
        }
        return entries
    }

    private static func entry(_ id: String, _ fields: [ReplyTree]) throws(StorageError) -> HistoryEntry {
        guard fields.count == 2, fields[0].string == "entry", case .bulk(let bytes) = fields[1] else {
            throw .damaged("Redis key \(AssignmentKeys.history), entry \(id): one field `entry` expected; XDEL it")
        }
        do throws(JSONScanner.Fault) {
            return try StoredJSON.historyEntry(bytes)
        } catch {
            throw .damaged("Redis key \(AssignmentKeys.history), entry \(id): \(error); XDEL it")
        }
    }
}
