import Redis

extension RedisAssignments {
    /// Whether a gateway holds the controller's lease: somebody will tell the workers what is stored.
    package func hasController() throws(StorageError) -> Bool {
        guard let time = try scripts.command(["PTTL", AssignmentKeys.lease(.controller)]).integer else {
            throw Self.unexpected("PTTL")
        }
        // Below 0 for a key that is not there.
        return time >= 0
    }
}
