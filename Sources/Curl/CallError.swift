/// Why a call has no answer. Each names the server as the URL has it.
package enum CallError: Error, Equatable, Sendable, CustomStringConvertible {
    case badAddress(String, words: String)
    case resolution(String)
    case connect(String, words: String)
    case deadline(String, Duration)
    case tooLarge(String, limit: Int)
    /// The connection broke, or what came is not HTTP.
    case transport(String, words: String)
    case tooManyCalls(String, limit: Int)
    case stopped(String)
    /// Its time was over before it was sent.
    case tooLate(String)

    /// The call was not sent.
    package var isOurs: Bool {
        switch self {
        case .tooManyCalls, .stopped, .tooLate: true
        default: false
        }
    }

    package var description: String {
        switch self {
        case .badAddress(let address, let words): "\(address): not an address to call: \(words)"
        case .resolution(let address): "\(address): the name cannot be looked up; check the worker's address"
        case .connect(let address, let words): "\(address): no connection: \(words); does it run there?"
        case .deadline(let address, let limit): "\(address): no answer within \(limit)"
        case .tooLarge(let address, let limit): "\(address): the answer has more than \(limit) bytes"
        case .transport(let address, let words): "\(address): no answer: \(words)"
        case .tooManyCalls(let address, let limit): "\(address): not called: \(limit) calls are under way already"
        case .tooLate(let address): "\(address): not called: whoever asked for it may no longer"
        case .stopped(let address): "\(address): not called: the client has stopped"
        }
    }
}
