import Configuration
import HTTP
import Persister
import Records
import Telemetry

/// A persister alone: its threads, the dead letters, and HTTP.
final class PersisterService: Sendable {
    private let persister: PersisterThread
    private let server: HTTP.Server
    let address: String

    /// Starts everything; nothing runs when it throws.
    init(_ settings: Settings) throws {
        let journal = ErrorJournal()
        persister = try PersisterThread(settings, journal: journal)
        let pages = PersisterPages(
            report: PersisterReport(persister), settings: settings,
            diagnosticPage: DiagnosticPage(journal: journal, settings: settings), started: .now)
        let metrics = HTTPMetrics()
        var limits = ServerLimits()
        limits.connections = settings.http.connections
        let listen = settings.persister.address
        server = try HTTP.Server(
            host: listen.host, port: listen.port, setting: "PERSISTER_ADDR",
            routes: pages.routes(metrics: metrics, version: VersionCommand.version),
            hosts: .standard(listeningOn: listen.host, allowed: settings.http.allowedHosts), metrics: metrics,
            limits: limits)
        address = server.address
        do {
            try persister.start(patiently: false)
        } catch {
            server.stop()
            throw error
        }
    }

    func stop(_ stop: PipelineControl.Stop) { persister.control.stop(stop) }

    func waitForEnd() {
        persister.waitForEnd()
        server.stop()
    }
}
