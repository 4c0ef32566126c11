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
        let capacity = try members.limit("capacity", 0...PlanError.symbolLimit)
        let weight = try members.integer("weight", Worker.weights)
        let (service, terms) = (write.service, try write.terms(isLive: true))
        if let state {
            guard let state = Worker.State(rawValue: state), state != .gone else {
                throw .member("state", "active or draining", got: .string(state))
            }
            guard address == nil, (capacity ?? nil) == nil, weight == nil else {
                throw Refusal(400, "bad_member", "state: stands alone, without address, capacity and weight")
            }
            return answer(
                write, name,
                try write.perform { () throws(AssignmentError) in try service.setState(state, of: name, terms) })
        }
        if let address, !AssignmentService.isAddress(address) {
            throw .member("address", "host:port", got: .string(address))
        }
        return answer(
            write, name,
            try write.perform { () throws(AssignmentError) in
                try service.register(name, address: address, capacity: capacity, weight: weight, terms)
            })
    }

    static func remove(_ write: WriteRequest) throws(Refusal) -> Response {
        try GatewayAPI.expectQuery(write.request, ["name", "abandon"])
        guard let text = write.request.query("name") else {
            throw Refusal(400, "bad_query", "name: is needed: DELETE /ws/workers?name=…")
        }
        let name = try name(text)
        let abandons = try GatewayAPI.flag(write.request, "abandon", default: false)
        let (service, terms) = (write.service, try write.terms(isLive: true))
        return answer(
            write, name,
            try write.perform { () throws(AssignmentError) in
                try service.removeWorker(name, abandons: abandons, terms)
            })
    }

    private static func name(_ text: String?) throws(Refusal) -> WorkerName {
        guard let text, let name = WorkerName(text) else {
            throw .member(
                "name", "1…\(WorkerName.lengthLimit) of the characters A-Z a-z 0-9 . _ : [ ] -, the first no sign",
                got: text.map(JSONValue.string) ?? .null)
        }
        return name
    }

    private static func answer(
        _ write: WriteRequest, _ name: WorkerName, _ outcome: AssignmentService.WorkerOutcome
    ) -> Response {
        let after = outcome.after
        if outcome.isStored { write.audit(from: outcome.before, to: after) }
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
        if outcome.isRepeated { response.headers.append(WriteRequest.replayed) }
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
