/// What an error reply means for the command that got it.
package enum ReplyError: Error, Sendable, Hashable {
    /// Nothing is wrong with the message: connect again or ask again, and send what has no reply in order.
    case transient(Transient)
    /// This message, and no other, cannot be delivered.
    case message(Message)
    /// No command of this connection will work until a person changes something.
    case global(Global)

    package enum Transient: Sendable, Hashable {
        case loading, tryAgain, busy, masterDown, clusterDown, readOnly, outOfMemory
        /// MOVED, ASK: another node is in charge; look the endpoint up again.
        case moved
        /// MISCONF, NOREPLICAS, UNBLOCKED, too many clients: the server's state, not the message.
        case unavailable
    }

    package enum Message: Sendable, Hashable {
        case noPermission, wrongType, tooLarge
        /// XADD with an id that the stream already has or has passed: delivered before.
        case duplicate
        case unknownCommand
        case other
    }

    package enum Global: Sendable, Hashable {
        case noAuthentication, wrongPassword, noPermission
    }

    /// Sorts an error reply's text (without `-` and line end). Pure; allocates nothing.
    /// - Parameter isOwn: the command is the connection's own, so that a missing permission concerns all it does.
    package static func classify(_ text: UnsafeRawBufferPointer, isOwn: Bool = false) -> ReplyError {
        let code =
            unsafe text.firstIndex(of: UInt8(ascii: " ")).map { unsafe UnsafeRawBufferPointer(rebasing: text[..<$0]) }
            ?? text
        return switch code.count {
        case 3 where unsafe code.equals("OOM"): .transient(.outOfMemory)
        case 3 where unsafe code.equals("ASK"): .transient(.moved)
        case 3 where unsafe code.equals("ERR"): unsafe general(text)
        case 4 where unsafe code.equals("BUSY"): .transient(.busy)
        case 5 where unsafe code.equals("MOVED"): .transient(.moved)
        case 6 where unsafe code.equals("NOPERM"): isOwn ? .global(.noPermission) : .message(.noPermission)
        case 6 where unsafe code.equals("NOAUTH"): .global(.noAuthentication)
        case 7 where unsafe code.equals("LOADING"): .transient(.loading)
        case 7 where unsafe code.equals("MISCONF"): .transient(.unavailable)
        case 8 where unsafe code.equals("TRYAGAIN"): .transient(.tryAgain)
        case 8 where unsafe code.equals("READONLY"): .transient(.readOnly)
        case 9 where unsafe code.equals("WRONGTYPE"): .message(.wrongType)
        case 9 where unsafe code.equals("WRONGPASS"): .global(.wrongPassword)
        case 9 where unsafe code.equals("UNBLOCKED"): .transient(.unavailable)
        case 10 where unsafe code.equals("MASTERDOWN"): .transient(.masterDown)
        case 10 where unsafe code.equals("NOREPLICAS"): .transient(.unavailable)
        case 11 where unsafe code.equals("CLUSTERDOWN"): .transient(.clusterDown)
        default: .message(.other)
        }
    }

    private static func general(_ text: UnsafeRawBufferPointer) -> ReplyError {
        if unsafe text.contains("is equal or smaller than") { return .message(.duplicate) }
        if unsafe text.starts("ERR Protocol error: invalid bulk length") { return .message(.tooLarge) }
        if unsafe text.starts("ERR Protocol error: too big") { return .message(.tooLarge) }
        if unsafe text.contains("exceeds maximum allowed size") { return .message(.tooLarge) }
        if unsafe text.starts("ERR unknown command") { return .message(.unknownCommand) }
        if unsafe text.starts("ERR unknown subcommand") { return .message(.unknownCommand) }
        if unsafe text.starts("ERR max number of clients") { return .transient(.unavailable) }
        if unsafe text.starts("ERR AUTH <password> called without any password configured") {
            return .global(.wrongPassword)
        }
        if unsafe text.starts("ERR invalid password") { return .global(.wrongPassword) }
        return .message(.other)
    }

    /// The same for an error that was copied.
    package static func classify(_ text: String, isOwn: Bool = false) -> ReplyError {
        var text = text
        return text.withUTF8 { unsafe classify(UnsafeRawBufferPointer($0), isOwn: isOwn) }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func equals(_ word: StaticString) -> Bool {
        unsafe count == word.utf8CodeUnitCount && starts(word)
    }

    fileprivate func starts(_ word: StaticString) -> Bool { unsafe matches(word, at: 0) }

    fileprivate func contains(_ word: StaticString) -> Bool {
        let last = count - word.utf8CodeUnitCount
        guard last >= 0 else { return false }
        for start in 0...last where unsafe matches(word, at: start) { return true }
        return false
    }

    private func matches(_ word: StaticString, at start: Int) -> Bool {
        let length = word.utf8CodeUnitCount
        guard count - start >= length else { return false }
        for index in 0..<length where unsafe self[start + index] != word.utf8Start[index] { return false }
        return true
    }
}
