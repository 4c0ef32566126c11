/// Who may change something. Pure.
package enum WritePermission {
    /// Why a process must not start: `nil` when it may. Writes on an address that others reach need a token, unless
    /// somebody said that they know.
    package static func refusal(listeningOn host: String, token: String?, isOpen: Bool) -> String? {
        if let token, token.utf8.count < 16 {
            return
                "control.token: must have at least 16 characters (got \(token.utf8.count)); set a longer CONTROL_TOKEN"
        }
        if token != nil || isOpen || HostPolicy.isLoopback(host) { return nil }
        return
            "control.token: is needed to listen on \(host), which others reach; set CONTROL_TOKEN or CONTROL_TOKEN_FILE, "
            + "or CONTROL_OPEN=1 to let anybody change assignments"
    }

    /// Whether the Authorization header holds the token. Takes the same time wherever the first difference is.
    package static func allows(authorization: String?, token: String) -> Bool {
        guard let authorization, authorization.prefix(7).lowercased() == "bearer " else { return false }
        return isEqual(Array(authorization.dropFirst(7).utf8), Array(token.utf8))
    }

    /// Looks at every byte of `given` whatever it finds; only its length, which the sender knows, shows in the time.
    static func isEqual(_ given: [UInt8], _ expected: [UInt8]) -> Bool {
        var difference = UInt8(given.count == expected.count ? 0 : 1)
        for index in given.indices {
            difference |= given[index] ^ (expected.isEmpty ? 0 : expected[index % expected.count])
        }
        return difference == 0
    }
}
