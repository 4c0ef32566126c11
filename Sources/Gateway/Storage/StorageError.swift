package enum StorageError: Error, Equatable, CustomStringConvertible {
    /// Somebody else changed the assignments; nothing was stored.
    case conflict(expected: StateTag, current: StateTag)
    /// The key was used for another request.
    case keyReused(String)
    /// No answer, or no connection: `sentence` says where and why. A change may have been stored.
    case unavailable(String)
    /// The server answered and did not do it: permission, memory, a replica.
    case refused(String)
    /// What is stored is not ours to read.
    case damaged(String)

    package var description: String {
        switch self {
        case .conflict(let expected, let current):
            "the assignments changed: expected \(expected), now \(current); read them again and repeat"
        case .keyReused(let key): "Idempotency-Key \(key) was used for another request; choose a new one"
        case .unavailable(let sentence), .refused(let sentence), .damaged(let sentence): sentence
        }
    }
}
