import Assignment
import Configuration
import Gateway
import Telemetry

/// The workers that take symbols: who is there, who comes, who goes.
struct WorkersCommand: Command {
    static let description = CommandDescription(
        "workers", "List, add, drain or remove the workers that symbols are given to.",
        arguments: "[list | add NAME HOST:PORT | drain NAME | activate NAME | remove NAME]",
        flags: [
            CommandFlag("capacity", short: "c", value: "N", "add: the most symbols that it takes; else no limit."),
            CommandFlag(
                "weight", value: "N", "add: its share of the symbols beside the others', 1…100; 1 unless told."),
            CommandFlag("abandon", "remove: although it has symbols; they get another worker at the next rebalance."),
            AssignmentArguments.condition, CommandFlag("json", "One JSON object: the workers as they are then."),
        ],
        sections: ["redis", "log"],
        examples: [
            "klinecast workers", "klinecast workers add ws-1 10.0.0.7:8089 --capacity 200",
            "klinecast workers drain ws-1", "klinecast dispatch --rebalance --live", "klinecast workers remove ws-1",
        ])

    func run(_ invocation: Invocation) throws -> ExitCode {
        let request = try WorkersRequest(invocation)
        let terms = try AssignmentArguments.terms(invocation, isLive: true)
        let service = AssignmentService(
            storage: AssignmentAccess.open(try invocation.settings(isQuiet: true)))
        let (stored, words) = try Self.carryOut(request, service, terms)
        let names = stored.state.registered.map(\.name)
        let leases = try AssignmentAccess.stored { () throws(StorageError) in try service.storage.leases(of: names) }
        if invocation.arguments.has("json") {
            Terminal.data(Self.json(stored, leases))
        } else {
            if case .list = request { Self.show(stored, leases) }
            Terminal.talk("\(words), version \(stored.tag)")
        }
        return .done
    }

    private static func carryOut(
        _ request: WorkersRequest, _ service: AssignmentService, _ terms: AssignmentService.Terms
    ) throws(CommandFailure) -> (StoredState, words: String) {
        do throws(AssignmentError) {
            switch request {
            case .list:
                let stored = try AssignmentAccess.read(service.storage)
                return (stored, Terminal.counted(stored.state.workers.count, "worker"))
            case .add(let name, let address, let capacity, let weight):
                let outcome = try service.register(
                    name, address: address, capacity: .some(capacity), weight: weight, terms)
                let old = outcome.before.state.workers[name]?.address
                let move = old.map { $0 == address ? ", as before" : ", no longer at \($0)" } ?? ""
                return (outcome.after, "\(name) is registered at \(address)\(move)")
            case .set(let state, let name):
                let stored = try service.setState(state, of: name, terms).after
                return (stored, "\(name) is \(state.rawValue)\(hint(state, name, stored))")
            case .remove(let name, let abandons):
                let left = try service.removeWorker(name, abandons: abandons, terms).after
                let symbols = left.state.placements.values.count { $0.worker == name }
                let rest = symbols > 0 ? "; \(Terminal.counted(symbols, "symbol")) wait for a rebalance" : ""
                return (left, "\(name) is removed\(rest)")
            }
        } catch {
            throw AssignmentAccess.failure(error)
        }
    }

    private static func hint(_ state: Worker.State, _ name: WorkerName, _ stored: StoredState) -> String {
        let symbols = stored.state.placements.values.count { $0.worker == name }
        guard state == .draining, symbols > 0 else { return "" }
        return "; `klinecast dispatch --rebalance` moves its \(Terminal.counted(symbols, "symbol"))"
    }

    private static func show(_ stored: StoredState, _ leases: [WorkerName: Duration]) {
        var table = TextTable([
            .text("worker"), .text("address"), .text("state"), .number("symbols"), .number("capacity"),
            .number("weight"),
            .text("lease"),
        ])
        for share in WorkerShare.all(of: stored.state) {
            table.add([
                share.name.text, Terminal.plain(share.worker?.address ?? ""), share.state,
                Terminal.grouped(share.symbols), share.worker?.capacity.map { Terminal.grouped($0) } ?? "",
                share.worker.map { "\($0.weight)" } ?? "",
                leases[share.name].map { "\($0.components.seconds) s left" } ?? "",
            ])
        }
        table.finish()
    }

    private static func json(_ stored: StoredState, _ leases: [WorkerName: Duration]) -> JSONWriter {
        var json = JSONWriter()
        json.object { json in
            json.member("version", stored.tag.description)
            json.member(
                "workers",
                array: { json in
                    for share in WorkerShare.all(of: stored.state) {
                        json.object { json in
                            share.write(to: &json)
                            json.key("lease_seconds")
                            if let left = leases[share.name] { json.double(left.inSeconds) } else { json.null() }
                        }
                    }
                })
        }
        return json
    }
}
