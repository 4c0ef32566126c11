import Configuration
import Foundation
import Router
import Kafka
import Dispatch
enum Version { static let number = "0.1.0" }
enum Libraries { static var versions: [(name: String, version: String)] { [] } }
extension RouteTable {
    init(_ settings: Settings) throws {
        self.init(prefix: settings.router.channelPrefix, rules: [], symbols: [], legacyChannels: settings.router.hasLegacyChannels)
    }
}
let settings = try Settings(arguments: CommandLineArguments(parsing: Array(CommandLine.arguments.dropFirst(2)), for: CommandDescription("router", "", sections: Options.sections.map(\.name))), environment: ProcessInfo.processInfo.environment)
signal(SIGTERM, SIG_IGN); signal(SIGINT, SIG_IGN); signal(SIGPIPE, SIG_IGN)
let service = try RouterService(settings)
let sources = [SIGTERM, SIGINT].map { n in let s = DispatchSource.makeSignalSource(signal: n, queue: .global()); s.setEventHandler { service.stop(.drain) }; s.resume(); return s }
print("router on", service.address)
print(service.waitForEnd() ?? "ended")
