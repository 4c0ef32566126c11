import Assignment
import Curl
import MarketData
import Telemetry

/// A worker's control API, as the BitMart worker has it: calls to make and answers to read. No I/O.
enum WorkerAPI {
    static func status(at address: String) throws(WorkerAPIError) -> Call {
        Call(get: try url(address, "/status"))
    }

    /// - Parameter namesEpochs: the worker knows epochs; to any other none is sent.
    static func call(for command: Reconciler.Command, at address: String, namesEpochs: Bool)
        throws(WorkerAPIError) -> Call
    {
        var body = JSONWriter(reserving: 128)
        body.object { body in
            body.member("symbol", command.symbol.name.uppercased())
            body.member("tfs", command.timeframes.map(\.rawValue))
            if namesEpochs { body.member("epoch", command.epoch.number) }
        }
        return Call(post: body.bytes, to: try url(address, "/\(command.verb.rawValue)"))
    }

    static func readStatus(_ answer: Answer, of worker: WorkerName) throws(WorkerAPIError) -> WorkerStatus {
        guard answer.status == 200 else { throw .refused(status: answer.status, words: words(in: answer.body)) }
        return try WorkerStatus(answer.body, of: worker)
    }

    /// Whether a command was taken; only a report says that it was carried out.
    static func checkTaken(_ answer: Answer) throws(WorkerAPIError) {
        guard (200..<300).contains(answer.status), !saysNo(answer.body) else {
            throw .refused(status: answer.status, words: words(in: answer.body))
        }
    }

    private static func url(_ address: String, _ path: String) throws(WorkerAPIError) -> String {
        // Anything else would make another URL of it. A name allows just what an address needs.
        guard WorkerName(address) != nil, address.contains(":") else { throw .badAddress(address) }
        return "http://\(address)\(path)"
    }

    private static func saysNo(_ body: [UInt8]) -> Bool {
        var isTaken = true
        var scanner = JSONScanner(body)
        do throws(JSONScanner.Fault) {
            try scanner.object { scanner, name throws(JSONScanner.Fault) in
                if name == "ok" { isTaken = try scanner.boolean() } else { try scanner.skip() }
            }
        } catch {
            return !isTaken
        }
        return !isTaken
    }

    /// The sentence of an error's document, or the beginning of whatever came.
    private static func words(in body: [UInt8]) -> String {
        var sentence: String?
        var scanner = JSONScanner(body)
        do throws(JSONScanner.Fault) {
            try scanner.object { scanner, name throws(JSONScanner.Fault) in
                if name == "error" { sentence = try scanner.string() } else { try scanner.skip() }
            }
        } catch {
            sentence = nil
        }
        let text = sentence ?? String(decoding: body.prefix(200), as: UTF8.self)
        return String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : Character($0) }.prefix(200))
    }
}

/// Why a worker did not do what it was asked. Whoever shows it names the worker.
package enum WorkerAPIError: Error, Equatable, Sendable, CustomStringConvertible {
    case badAddress(String)
    /// An answer that says no.
    case refused(status: Int, words: String)
    case badStatus(String)
    /// It was stopped and serves nothing.
    case notRunning

    package var description: String {
        switch self {
        case .badAddress(let address): "address \(address.prefix(100)): must be host:port"
        case .refused(let status, let words): "answered \(status)" + (words.isEmpty ? "" : ": \(words)")
        case .badStatus(let what): "GET /status gave no status: \(what)"
        case .notRunning: "says that it was stopped"
        }
    }
}
