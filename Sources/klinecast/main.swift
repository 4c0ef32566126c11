import Configuration
import Foundation
import Router
import Kafka
import Glibc
enum Version { static let number = "0.1.0" }
enum Libraries { static var versions: [(name: String, version: String)] { [] } }
extension RouteTable {
    init(_ settings: Settings) throws {
        self.init(prefix: settings.router.channelPrefix, rules: [], symbols: [], legacyChannels: settings.router.hasLegacyChannels)
    }
}
let settings = try Settings(arguments: CommandLineArguments(parsing: Array(CommandLine.arguments.dropFirst(2)), for: CommandDescription("router", "", sections: Options.sections.map(\.name))), environment: ProcessInfo.processInfo.environment)
var set = sigset_t()
unsafe sigemptyset(&set)
unsafe sigaddset(&set, SIGTERM)
unsafe sigaddset(&set, SIGINT)
unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
signal(SIGPIPE, SIG_IGN)
let service = try RouterService(settings)
print("router on", service.address)
var number: Int32 = 0
unsafe sigwait(&set, &number)
service.stop(.drain)
print(service.waitForEnd() ?? "ended")
