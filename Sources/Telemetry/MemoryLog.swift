/// The newest lines, for tests.
package final class MemoryLog: Sendable {
    private static let maximumLines = 10_000
    private let kept = Locked<[String]>([])

    package init() {}

    package var lines: [String] { kept.withLock { $0 } }

    func append(_ line: [UInt8]) {
        kept.withLock { kept in
            if kept.count >= Self.maximumLines { kept.removeFirst() }
            kept.append(String(decoding: line.dropLast(), as: UTF8.self))
        }
    }
}
