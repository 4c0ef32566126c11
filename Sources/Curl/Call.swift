/// One request to an HTTP server.
package struct Call: Sendable {
    /// `http://` or `https://`, with everything up to the query.
    package let url: String
    /// Sent by POST as `application/json`; `nil`: a GET.
    package let body: [UInt8]?
    /// Nothing is sent from here on, also when the process stood still since the call; `nil`: whenever it can be.
    package var notAfter: ContinuousClock.Instant?

    package init(get url: String) {
        self.url = url
        body = nil
    }

    package init(post body: [UInt8], to url: String) {
        self.url = url
        self.body = body
    }
}

/// What a server answered, whatever its status.
package struct Answer: Equatable, Sendable {
    package let status: Int
    package let body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// The bounds of every call of a client.
package struct CallLimits: Sendable {
    /// From the call to the last byte of its answer: name look-up, connecting, a slow reader, a slow writer.
    package var deadline: Duration
    /// Until there is a connection; no longer than the deadline.
    package var connectDeadline: Duration
    package var answerBytes: Int
    /// Calls under way at once; further ones are refused.
    package var calls: Int

    package init(
        deadline: Duration = .seconds(5), connectDeadline: Duration = .seconds(2), answerBytes: Int = 1 << 24,
        calls: Int = 4_096
    ) {
        precondition(answerBytes > 0 && calls > 0, "a client that may do nothing is none")
        self.deadline = deadline
        self.connectDeadline = min(connectDeadline, deadline)
        self.answerBytes = answerBytes
        self.calls = calls
    }
}
