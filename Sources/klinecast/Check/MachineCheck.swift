import Configuration
import Foundation

/// What this machine must offer.
enum MachineCheck {
    /// Creates the folder where it is missing, and a file in it for a moment.
    static func stateFolder(_ path: String) -> Finding {
        let subject = "state folder \(path)"
        let file = "\(path)/.check-\(getpid())"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let words = unsafe String(cString: strerror(errno))
            return Finding(
                subject, .wrong,
                "cannot be written: \(words); set STATE_DIR to a folder of the user that runs klinecast")
        }
        close(descriptor)
        unsafe unlink(file)
        return Finding(subject, .fine, "can be written")
    }

    /// The router's port is free, or a router has it.
    static func router(_ address: Address) -> Finding {
        let subject = "router address \(address)"
        guard PortCheck.isTaken(address) else { return Finding(subject, .fine, "the port is free") }
        let answer = HealthRequest.get(address, "/health", within: .seconds(2))
        if let answer, answer.body.contains("\"uptime\"") {
            return Finding(subject, .fine, "a router runs there (health \(answer.status))")
        }
        let sentence = PortCheck.sentence("router.address", address, remedy: "--router-addr or ROUTER_ADDR")
        return Finding(subject, .wrong, sentence)
    }
}
