package import Foundation

/// A new empty folder that is removed with everything in it when its owner goes.
package final class TemporaryFolder: Sendable {
    package let url: URL
    package var path: String { url.path }

    package init(_ name: String = "klinecast") throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    package func file(_ name: String) -> String { url.appendingPathComponent(name).path }
}
