import Assignment
import Configuration
import Foundation
import Gateway
import HTTP
import Redis
import Telemetry

/// A gateway's parts, wired: the assignments' API over HTTP, the controller on its thread, and a watch for the pages.
final class GatewayService: Sendable {
    private let api: GatewayAPI
    private let controller: Controller
    private let watch: AssignmentWatch
    private let server: HTTP.Server
    private let isStopping: Locked<Bool>
    private let end = DispatchSemaphore(value: 0)
    let address: String

    /// Starts everything; nothing runs when it throws.
    init(_ settings: Settings) throws {
        let listen = settings.gateway.address
        let token = settings.control.token?.revealed
        if let refusal = WritePermission.refusal(
            listeningOn: listen.host, token: token, isOpen: settings.control.isOpen)
        {
            throw CommandFailure.usage(refusal)
        }
        let journal = ErrorJournal()
        isStopping = Locked(false)
        api = GatewayAPI(Self.apiSettings(settings), storage: Self.storage(settings, "api", patience: .seconds(3)))
        let control = Self.controllerSettings(settings)
        // A call that hangs must not cost the lease.
        let patience = min(.seconds(1), control.lease.margin / 3)
        controller = Controller(control, storage: Self.storage(settings, "controller", patience: patience))
        let watched = Self.storage(settings, "watch", patience: .seconds(3))
        watch = AssignmentWatch(journal: journal, watched)
        let pages = GatewayPages(
            watch: watch, controller: controller, isStopping: isStopping, settings: settings,
            diagnosticPage: DiagnosticPage(journal: journal, settings: settings), started: .now)
        let metrics = HTTPMetrics()
        var limits = ServerLimits()
        limits.connections = settings.http.connections
        server = try HTTP.Server(
            host: listen.host, port: listen.port, setting: "GATEWAY_ADDR",
            routes: pages.routes(metrics: metrics, version: VersionCommand.version) + api.routes,
            hosts: .standard(listeningOn: listen.host, allowed: settings.http.allowedHosts), metrics: metrics,
            limits: limits)
        address = server.address
        watch.start()
        controller.start()
    }

    private static func storage(_ settings: Settings, _ part: String, patience: Duration)
        -> @Sendable () -> RedisAssignments
    {
        let redis = Redis.RedisSettings(settings.redis, clientName: "klinecast-gateway-\(part)")
        return { RedisAssignments(redis, patience: patience) }
    }

    private static func apiSettings(_ settings: Settings) -> GatewayAPI.Settings {
        var api = GatewayAPI.Settings(token: settings.control.token?.revealed)
        api.timeframes = settings.gateway.timeframes
        return api
    }

    private static func controllerSettings(_ settings: Settings) -> ControllerSettings {
        let gateway = settings.gateway
        let host = Terminal.plain(ProcessInfo.processInfo.hostName)
        let rebalance: ControllerSettings.AutoRebalance =
            switch gateway.autoRebalance {
            case .off: .off
            case .plan: .plan
            case .live: .live
            }
        return ControllerSettings(
            name: "gateway \(host):\(gateway.address.port)", lease: Lease.Terms(lasting: gateway.lease),
            workers: gateway.workers.map(\.description), autoRebalance: rebalance)
    }

    /// Any thread, any number of times.
    func stop() {
        isStopping.withLock { $0 = true }
        end.signal()
    }

    /// Waits for `stop`, then ends all in order: no request may come any more when the lease is given back.
    func waitForEnd() {
        end.wait()
        server.stop()
        controller.stop()
        watch.stop()
    }
}
