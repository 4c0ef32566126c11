import Assignment
import HTTP
import MarketData
import Telemetry

/// Why a request is not carried out, as its client reads it.
struct Refusal: Error {
    let response: Response

    init(_ response: Response) { self.response = response }

    init(_ status: Int, _ code: String, _ sentence: String, headers: [Response.Header] = []) {
        response = .failure(status, code, sentence, headers: headers)
    }

    /// The predecessor's words, which its clients may compare, and apart from them what they lack.
    static func predecessors(_ words: String, _ code: String, _ detail: String) -> Refusal {
        Refusal(.failure(400, code, words, detail: detail))
    }

    static let noSymbols = predecessors(
        "No symbols provided", "no_symbols", "symbols: must be an array of at least one symbol")

    /// A member with a value that can't be.
    static func member(_ name: String, _ expected: String, got value: JSONValue, code: String = "bad_member") -> Refusal
    {
        Refusal(400, code, "\(name): must be \(expected) (got \(value.excerpt))")
    }

    static func query(_ name: String, _ expected: String, got value: String) -> Refusal {
        Refusal(400, "bad_query", "\(name): must be \(expected) (got \(JSONValue.string(value).excerpt))")
    }

    /// The predecessor's words, which its clients may look for, stand first.
    static func unknownWorker(_ name: String, known: [WorkerName]) -> Refusal {
        let list =
            known.isEmpty ? "; none is registered" : "; known: \(known.prefix(10).map(\.text).joined(separator: ", "))"
        return Refusal(
            404, "unknown_worker",
            "Worker '\(name.prefix(WorkerName.lengthLimit))' not found in configured workers\(list)")
    }

    /// - Parameter isConditional: the client said which state it means.
    init(_ error: AssignmentError, isConditional: Bool) {
        switch error {
        case .plan(let error): self.init(error)
        case .storage(let error): self.init(error, isConditional: isConditional)
        case .noCapacity(let plan):
            var json = JSONWriter()
            json.object { json in
                json.member("ok", false)
                json.member("error", "All workers are at capacity: \(error)")
                json.member("code", "no_capacity")
                json.member("unplaced", array: { PlanAnswer.write(unplaced: plan.unplaced, &$0) })
            }
            self.init(Response(status: 409, body: json.bytes))
        case .addressTaken: self.init(409, "address_taken", error.description)
        case .workerHasSymbols: self.init(409, "worker_has_symbols", error.description)
        case .unknownWorker(let name, let known): self = .unknownWorker(name.text, known: known)
        case .notAssigned: self.init(404, "not_assigned", error.description)
        case .noAddress: self.init(404, "unknown_worker", error.description)
        case .badFile: self.init(400, "bad_file", error.description)
        }
    }

    private init(_ error: PlanError) {
        switch error {
        case .noSymbols: self = .noSymbols
        case .noTimeframes: self.init(400, "no_timeframes", error.description)
        case .tooManySymbols: self.init(400, "too_many_symbols", error.description)
        case .noWorkers: self.init(409, "no_workers", "No WS workers configured: \(error)")
        case .unknownWorker(let name, let known): self = .unknownWorker(name.text, known: known)
        case .inactiveWorker: self.init(409, "inactive_worker", error.description)
        case .outdated: self.init(409, "changed_meanwhile", error.description)
        }
    }

    init(_ error: StorageError, isConditional: Bool = false) {
        let retry = Response.Header("Retry-After", "1")
        switch error {
        case .conflict(_, let current):
            self.init(
                isConditional ? 412 : 409, isConditional ? "conflict" : "changed_meanwhile", error.description,
                headers: [EntityTag.header(current)])
        case .keyReused: self.init(422, "idempotency_key_reused", error.description)
        case .unavailable:
            self.init(
                503, "redis_unavailable",
                "\(error); a change may have been stored: repeat it with the same Idempotency-Key, or read first",
                headers: [retry])
        case .refused: self.init(503, "redis_refused", error.description, headers: [retry])
        case .damaged: self.init(500, "redis_damaged", error.description)
        }
    }
}
