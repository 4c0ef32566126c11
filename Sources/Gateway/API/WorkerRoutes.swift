import Assignment
import HTTP
import Telemetry

/// `/ws/workers`: who may serve symbols.
enum WorkerRoutes {
    static func list(_ service: AssignmentService) throws(Refusal) -> Response {
        let stored = try GatewayAPI.stored(service)
        let progress: Progress?
        do throws(StorageError) { progress = try service.storage.progress() } catch { throw Refusal(error) }
        var counts: [WorkerName: Int] = [:]
        for placement in stored.state.placements.values { counts[placement.worker, default: 0] += 1 }
        var response = Response.json { json in
            json.object { json in
                json.member("ok", true)
                json.member(
                    "workers",
                    array: { json in
                        for worker in stored.state.registered {
                            json.object { write(worker, symbols: counts[worker.name] ?? 0, &$0) }
                        }
                    })
                json.member("controlled_at", progress.map { Timestamp.iso8601($0.at) })
                json.member("pending_count", progress?.pending.count ?? 0)
                json.member(
                    "pending",
                    array: { json in for one in (progress?.pending ?? []).prefix(1_000) { Delivery.write(one, &json) } }
                )
            }
        }
        response.headers = [EntityTag.header(stored.tag)]
        return response
    }

    /// Registers a worker or changes one; or, with `state` alone, has it drained or taken back.
    static func change(_ write: WriteRequest) throws(Refusal) -> Response {
        let members = try RequestMembers(write.request, known: ["name", "address", "capacity", "weight", "state"])
        let name = try name(try members.string("name"))
        let state = try members.string("state")
        let address = try members.string("address")
        let capacity = try members.integer("capacity", 0...PlanError.symbolLimit)
        let weight = try members.integer("weight", Worker.weights)
        let (service, terms) = (write.service, try write.terms(isLive: true))
        let before = try GatewayAPI.stored(service)
        let after: StoredState
        if let state {
            guard let state = Worker.State(rawValue: state), state != .gone else {
                throw .member("state", "active or draining", got: .string(state))
            }
            guard address == nil, capacity == nil, weight == nil else {
                throw Refusal(400, "bad_member", "state: stands alone, without address, capacity and weight")
            }
            after = try write.perform { () throws(AssignmentError) in try service.setState(state, of: name, terms) }
        } else {
            let known = before.state.workers[name]
            if let address, !isAddress(address) { throw .member("address", "host:port", got: .string(address)) }
            guard let address = address ?? known?.address ?? (isAddress(name.text) ? name.text : nil) else {
                throw Refusal(
                    404, "unknown_worker",
                    "worker \(name) is not registered; to register it, send its address (host:port), since its name is none"
                )
            }
            after = try write.perform { () throws(AssignmentError) in
                try service.register(
                    name, address: address, capacity: capacity ?? known?.capacity, weight: weight ?? known?.weight ?? 1,
                    terms)
            }
        }
        return answer(write, name, from: before, to: after)
    }

    static func remove(_ write: WriteRequest) throws(Refusal) -> Response {
        guard let text = write.request.query("name") else {
            throw Refusal(400, "bad_query", "name: is needed: DELETE /ws/workers?name=…")
        }
        let name = try name(text)
        let abandons = try GatewayAPI.flag(write.request, "abandon", default: false)
        let (service, terms) = (write.service, try write.terms(isLive: true))
        let before = try GatewayAPI.stored(service)
        let after = try write.perform { () throws(AssignmentError) in
            try service.removeWorker(name, abandons: abandons, terms)
        }
        return answer(write, name, from: before, to: after)
    }

    private static func name(_ text: String?) throws(Refusal) -> WorkerName {
        guard let text, let name = WorkerName(text) else {
            throw .member(
                "name", "1…\(WorkerName.lengthLimit) of the characters A-Z a-z 0-9 . _ : [ ] -, the first no sign",
                got: text.map(JSONValue.string) ?? .null)
        }
        return name
    }

    /// `host:port` of the same characters as a name; an IPv6 host in brackets.
    private static func isAddress(_ text: String) -> Bool {
        guard WorkerName(text) != nil, let colon = text.lastIndex(of: ":") else { return false }
        let port = text[text.index(after: colon)...]
        guard let number = UInt16(port), number > 0, port.first != "0" else { return false }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        return !host.isEmpty && !host.contains { $0 == "[" || $0 == "]" || ($0 == ":" && !isBracketed) }
    }

    private static func answer(
        _ write: WriteRequest, _ name: WorkerName, from before: StoredState, to after: StoredState
    ) -> Response {
        if after.tag != before.tag { write.audit(from: before, to: after) }
        let symbols = after.state.placements.values.count { $0.worker == name }
        var response = Response.json { json in
            json.object { json in
                json.member("ok", true)
                json.key("worker")
                if let worker = after.state.workers[name] {
                    json.object { self.write(worker, symbols: symbols, &$0) }
                } else {
                    json.null()
                }
            }
        }
        response.headers = [EntityTag.header(after.tag)]
        return response
    }

    private static func write(_ worker: Worker, symbols: Int, _ json: inout JSONWriter) {
        json.member("name", worker.name.text)
        json.member("address", worker.address)
        json.member("capacity", worker.capacity)
        json.member("weight", worker.weight)
        json.member("state", worker.state.rawValue)
        json.member("symbols", symbols)
    }
}
