internal import CSystemShim
import Foundation

/// Forwards TCP connections from a fixed port of 127.0.0.1 to another one: where clients bootstrap from when the
/// embedded broker's own port is not known before.
///
/// One thread, `port-forward`, joined by `stop`. Each connection holds at most 64 KB on the way in each direction;
/// at most 128 connections, later ones wait in the kernel's queue.
package final class PortForwarder: @unchecked Sendable {
    // `loop` is only used by the thread; the rest is constant.
    /// The port it listens on.
    package let port: UInt16
    private let control: Int32
    private let ended = DispatchSemaphore(value: 0)
    private let stopping = NSLock()
    private var isStopped = false

    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - target: `host:port` with a numeric address or localhost; of a list the first is used.
    package init(port: UInt16, target: String) throws(KafkaError) {
        let parts = target.split(separator: ",").first?.split(separator: ":") ?? []
        guard parts.count == 2, let targetPort = UInt16(parts[1]) else {
            throw .setting(name: "forward target", value: target, reason: "must be host:port")
        }
        let listener = try LoopbackSocket.listen(port: port)
        self.port = LoopbackSocket.port(of: listener)
        let control = system_shim_eventfd_create()
        self.control = control
        let ended = ended
        let thread = Thread {
            var loop = ForwardingLoop(listener: listener, control: control, targetPort: targetPort)
            loop.run()
            close(listener)
            ended.signal()
        }
        thread.name = "port-forward"
        thread.start()
    }

    deinit { stop() }

    /// Closes all connections and joins the thread.
    package func stop() {
        let isFirst = stopping.withLock {
            defer { isStopped = true }
            return !isStopped
        }
        guard isFirst else { return }
        system_shim_eventfd_signal(control)
        ended.wait()
        close(control)
    }
}
