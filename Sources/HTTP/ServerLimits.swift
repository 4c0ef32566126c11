/// The bounds of what clients can make a server hold, and for how long.
package struct ServerLimits: Sendable {
    /// At once; further ones wait in the kernel's queue until one ends.
    package var connections = 1_024
    /// 0: no limit of its own.
    package var connectionsPerAddress = 0
    /// Memory of a connection, which bounds request line and headers: 8 KB take 7.5 KB of them.
    package var connectionBytes = 8_192
    package var bodyBytes = 1 << 20
    /// From the connection to the end of its first request's headers, however slowly they drip in.
    package var headerDeadline = Duration.seconds(10)
    /// From the end of the headers to the last byte of the answer: a slow body and a slow reader end here.
    package var requestDeadline = Duration.seconds(30)
    /// Without any byte; also, with the header deadline added, from one answer to the end of the next headers.
    package var idleTimeout = Duration.seconds(60)

    /// Of deferred handlers, where a server has any.
    package var handlerThreads = 8
    /// Deferred requests that wait for a thread; further ones are answered 503.
    package var queuedRequests = 64
    /// One that waited longer is answered 503 and not carried out: with what a handler takes it stays below
    /// `requestDeadline`.
    package var queuePatience = Duration.seconds(10)

    package init() {}
}
