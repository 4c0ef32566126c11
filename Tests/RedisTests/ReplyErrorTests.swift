import Redis
import Testing

@Suite struct ReplyErrors {
    /// The texts are Redis 7.0's own (server.c, db.c, t_stream.c, networking.c, acl.c).
    @Test(arguments: [
        ("LOADING Redis is loading the dataset in memory", ReplyError.transient(.loading)),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .transient(.tryAgain)),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", .transient(.busy)),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", .transient(.masterDown)),
        ("CLUSTERDOWN The cluster is down", .transient(.clusterDown)),
        ("READONLY You can't write against a read only replica.", .transient(.readOnly)),
        ("OOM command not allowed when used memory > 'maxmemory'.", .transient(.outOfMemory)),
        ("MOVED 3999 127.0.0.1:6381", .transient(.moved)),
        ("ASK 3999 127.0.0.1:6381", .transient(.moved)),
        (
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            .transient(.unavailable)
        ),
        ("NOREPLICAS Not enough good replicas to write.", .transient(.unavailable)),
        ("ERR max number of clients reached", .transient(.unavailable)),
        (
            "NOPERM this user has no permissions to access one of the channels used as arguments",
            .message(.noPermission)
        ),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .message(.wrongType)),
        ("ERR Protocol error: invalid bulk length", .message(.tooLarge)),
        ("ERR Protocol error: too big bulk count string", .message(.tooLarge)),
        ("ERR string exceeds maximum allowed size (proto-max-bulk-len)", .message(.tooLarge)),
        ("ERR The ID specified in XADD is equal or smaller than the target stream top item", .message(.duplicate)),
        ("ERR unknown command 'FOO', with args beginning with: ", .message(.unknownCommand)),
        ("ERR wrong number of arguments for 'publish' command", .message(.other)),
        ("NOAUTH Authentication required.", .global(.noAuthentication)),
        ("WRONGPASS invalid username-password pair or user is disabled.", .global(.wrongPassword)),
        ("", .message(.other)), ("OOMX", .message(.other)), ("ERR", .message(.other)),
        ("OOM", .transient(.outOfMemory)),
    ])
    func eachTextHasItsMeaning(text: String, meaning: ReplyError) {
        #expect(ReplyError.classify(text) == meaning)
    }

    @Test func aPermissionMissingForTheConnectionsOwnCommandsConcernsEverything() {
        #expect(ReplyError.classify("NOPERM User x has no permissions", isOwn: true) == .global(.noPermission))
    }
}
