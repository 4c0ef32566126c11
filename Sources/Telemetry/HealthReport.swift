/// What /health says.
package struct HealthReport: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        /// Everything works.
        case healthy
        /// It works on, but a connection is down or a lane is behind; the reasons say which.
        case degraded
        /// A sink makes no progress though data waits.
        case unhealthy
        /// Told to end.
        case stopping

        /// 503 only where a caller should go elsewhere: a degraded process still does its work.
        package var httpStatus: Int {
            switch self {
            case .healthy, .degraded: 200
            case .unhealthy, .stopping: 503
            }
        }
    }

    package let status: Status
    /// Whole sentences; empty when healthy.
    package let reasons: [String]
    /// Seconds since 1970.
    package let timestamp: Double
    /// Seconds since the process started.
    package let uptime: Double

    package init(status: Status, reasons: [String], timestamp: Double = Timestamp.seconds(), uptime: Double) {
        self.status = status
        self.reasons = reasons
        self.timestamp = timestamp
        self.uptime = uptime
    }

    /// `{"status":…,"timestamp":…,"uptime":…,"stats":{…},"reasons":[…]}`; `stats` writes the members of its object.
    package func body(stats: (inout JSONWriter) -> Void = { _ in }) -> [UInt8] {
        var json = JSONWriter(reserving: 1_024)
        json.object { json in
            json.member("status", status.rawValue)
            json.member("timestamp", timestamp)
            json.member("uptime", uptime)
            json.member("stats", object: stats)
            json.member("reasons", reasons)
        }
        return json.bytes
    }
}

/// What /health/ready and /health/live say: yes, or no with the reasons.
package struct ProbeReport: Sendable, Equatable {
    package let reasons: [String]

    /// No reasons mean yes.
    package init(reasons: [String]) { self.reasons = reasons }

    package var isWell: Bool { reasons.isEmpty }
    package var httpStatus: Int { isWell ? 200 : 503 }

    /// `{"ok":true}`, or `{"ok":false,"reasons":[…]}`.
    package var body: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("ok", isWell)
            if !isWell { json.member("reasons", reasons) }
        }
        return json.bytes
    }
}
