import Assignment
import Glibc
import HTTP
import MarketData
import Telemetry

/// A request that may change something, past `WriteCheck`, with the storage that is its own meanwhile.
struct WriteRequest {
    let request: Request
    let settings: GatewayAPI.Settings
    let service: AssignmentService
    private let condition: EntityTag.Condition
    private let key: (text: String, fingerprint: String)?

    init(_ request: Request, storage: any AssignmentStorage, settings: GatewayAPI.Settings) throws(Refusal) {
        self.request = request
        self.settings = settings
        service = AssignmentService(storage: storage)
        condition = try EntityTag.condition(of: request)
        key = try Self.key(request)
    }

    /// Of what was carried out before and is not carried out again.
    static let replayed = Response.Header("Idempotent-Replayed", "true")

    private var author: String { "api \(request.remoteAddress)" }

    /// A condition that no state can meet ends here.
    func terms(
        isLive: Bool, answer: @escaping @Sendable (AssignmentService.Outcome) -> [UInt8] = { _ in [] }
    ) throws(Refusal) -> AssignmentService.Terms {
        var state: StateTag?
        switch condition {
        case .none: break
        case .state(let tag): state = tag
        case .never:
            let current = try GatewayAPI.stored(service).tag
            throw Refusal(
                412, "conflict",
                "If-Match names no state of these assignments, now \(current); read them again and repeat",
                headers: [EntityTag.header(current)])
        }
        return AssignmentService.Terms(isLive: isLive, condition: state, author: author, key: key, answer: answer)
    }

    /// Runs what a route asks for, and turns what went wrong into the client's answer.
    func perform<Value>(_ body: () throws(AssignmentError) -> Value) throws(Refusal) -> Value {
        do throws(AssignmentError) { return try body() } catch {
            throw Refusal(error, isConditional: condition != .none)
        }
    }

    /// Carries a change out, waits until the workers were told, and answers.
    /// - Parameter answer: makes the answer's object of the outcome, also before the change is stored.
    func carryOut(
        isLive: Bool, _ answer: @escaping @Sendable (AssignmentService.Outcome) -> [UInt8],
        _ change: (AssignmentService.Terms) throws(AssignmentError) -> AssignmentService.Result
    ) throws(Refusal) -> Response {
        let terms = try terms(isLive: isLive, answer: answer)
        switch try perform({ () throws(AssignmentError) in try change(terms) }) {
        case .repeated(let body):
            let tag = try GatewayAPI.stored(service).tag
            let delivery = Delivery(current: tag, Self.symbols(in: body), service.storage)
            var response = Response(body: delivery.joined(to: body))
            response.headers = [Self.replayed]
            return response
        case .done(let outcome):
            if outcome.isStored { audit(from: outcome.before, to: outcome.after) }
            let delivery = isLive ? delivery(of: outcome) : Delivery()
            var response = Response(body: delivery.joined(to: answer(outcome)))
            response.headers = [EntityTag.header(outcome.after.tag)]
            return response
        }
    }

    /// Who, what, before and after: one line a change, beside its entry in the history.
    func audit(from before: StoredState, to after: StoredState) {
        Log.info(
            "Assignments changed",
            [
                "assignment.author": author, "http.authorization": settings.token == nil ? "open" : "token",
                "http.request": "\(request.method) \(request.path)", "assignment.before": Self.summary(before),
                "assignment.after": Self.summary(after),
            ], per: after.tag.description)
    }

    private static func summary(_ stored: StoredState) -> String {
        "\(stored.tag): \(stored.state.placements.count) symbols, \(stored.state.workers.count) workers"
    }

    private func delivery(of outcome: AssignmentService.Outcome) -> Delivery {
        let plan = outcome.plan
        let concerned = Set(plan.moves.map(\.symbol) + plan.updates.map(\.symbol) + outcome.removed)
        guard outcome.isStored else {
            let meant = Set(plan.stays.filter { $0.reason != .notListed }.map(\.symbol))
            return Delivery(current: outcome.after.tag, meant, service.storage)
        }
        let end = ContinuousClock.now + settings.patience
        return Delivery(waitingFor: outcome.after.tag, concerned, service.storage) { [request] in
            !request.isServerStopping && ContinuousClock.now < end
        }
    }

    private static func key(_ request: Request) throws(Refusal) -> (text: String, fingerprint: String)? {
        let values = request.headers.filter { $0.name.lowercased() == "idempotency-key" }.map(\.value)
        guard let text = values.first else { return nil }
        let isPlain = text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        guard values.count == 1, isPlain, (1...RequestKey.lengthLimit).contains(text.utf8.count) else {
            throw Refusal(
                400, "bad_idempotency_key",
                "Idempotency-Key: must be 1…\(RequestKey.lengthLimit) visible ASCII characters, once")
        }
        let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        let bytes = Array("\(request.method) \(request.path)?\(query)\n".utf8) + request.body
        return (text, Fingerprint(bytes).text)
    }

    /// The symbols that an earlier answer was about; `nil` where it does not list them.
    private static func symbols(in answer: [UInt8]) -> Set<Symbol>? {
        guard case .object(let members) = try? JSONValue(answer, valueLimit: 4_000_000),
            case .object(let plan) = members["plan"]
        else { return nil }
        var symbols: [Symbol?] = []
        if case .object(let assignments) = members["assignments"] { symbols += assignments.keys.map { Symbol($0) } }
        for name in ["moves", "updates", "removed"] {
            guard case .array(let items) = plan[name] else { return nil }
            symbols += items.map { item in
                switch item {
                case .string(let text): Symbol(text)
                case .object(let step): if case .string(let text) = step["symbol"] { Symbol(text) } else { nil }
                default: nil
                }
            }
        }
        return Set(symbols.compactMap(\.self))
    }
}

/// Tells two requests apart: a client's own mistake is what it is for, not an attack. FNV-1a from two bases, and the length.
struct Fingerprint {
    let text: String

    init(_ bytes: [UInt8]) {
        let hashes = [0xcbf2_9ce4_8422_2325, 0x9e37_79b9_7f4a_7c15].map { (base: UInt64) in
            bytes.reduce(base) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        }
        text = (hashes + [UInt64(bytes.count)]).map { String($0, radix: 16) }.joined(separator: "-")
    }
}
