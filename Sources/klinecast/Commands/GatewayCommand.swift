import Configuration
import Foundation
import Telemetry

/// The assignments' API and their controller, until a signal ends it.
struct GatewayCommand: Command {
    static let description = CommandDescription(
        "gateway", "Serve the assignments' API, and see to it that workers do what is assigned.",
        sections: ["gateway", "redis", "control", "http", "process", "log"],
        examples: ["klinecast gateway", "WS_WORKERS=10.0.0.7:8089,10.0.0.8:8089 klinecast gateway"])

    func run(_ invocation: Invocation) throws -> ExitCode {
        try invocation.expectNoArguments()
        let settings = try invocation.settings()
        let service = try GatewayService(settings)
        Signals.start { request in
            switch request {
            case .stop: service.stop()
            case .stopNow: _exit(ExitCode.failed.rawValue)
            }
        }
        Log.info(
            "Gateway started",
            ["http.address": service.address, "redis": "\(settings.redis.endpoint)"])
        service.waitForEnd()
        Log.info("Gateway ended")
        return .done
    }
}
