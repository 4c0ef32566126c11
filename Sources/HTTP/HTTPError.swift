/// Why a server does not start.
package enum HTTPError: Error, Equatable, CustomStringConvertible {
    /// `setting` is what a person changes to listen elsewhere.
    case addressInUse(address: String, setting: String)
    case cannotListen(address: String, setting: String, reason: String)
    case cannotStart(address: String)

    package var description: String {
        switch self {
        case .addressInUse(let address, let setting):
            "\(address): the port is in use by another process; end that process, or set \(setting) to another address"
        case .cannotListen(let address, let setting, let reason):
            "\(address): cannot listen: \(reason); set \(setting) to an address of this machine"
        case .cannotStart(let address): "\(address): the HTTP server did not start; memory or threads are short"
        }
    }
}
