import HTTP

/// What a request that changes something must have, whatever it changes. Pure.
struct WriteCheck: Sendable {
    /// `nil`: nobody needs one, which the start of the process has allowed.
    let token: String?

    /// - Parameter mediaType: of the body; `nil` where there is none to read.
    func refusal(_ request: Request, mediaType: String?) -> Refusal? {
        if isCrossSite(request) {
            return Refusal(
                403, "cross_site", "a page of another site may not change anything here: send the request from this one"
            )
        }
        if let token, !WritePermission.allows(authorization: request.header("authorization"), token: token) {
            return Refusal(
                401, "unauthorized", "send Authorization: Bearer with the control token",
                headers: [Response.Header("WWW-Authenticate", "Bearer realm=\"klinecast\"")])
        }
        if let mediaType, !Self.isType(mediaType, request.header("content-type")) {
            return Refusal(
                415, "unsupported_media_type",
                "Content-Type: must be \(mediaType) in UTF-8 "
                    + "(got \(JSONValue.string(request.header("content-type") ?? "").excerpt))",
                headers: [Response.Header("Accept", mediaType)])
        }
        return nil
    }

    /// Browsers say where a request comes from, and no page can change that. Without Sec-Fetch-Site an older one says
    /// Origin, which has to name this server as Host does; without both it is no browser's.
    private func isCrossSite(_ request: Request) -> Bool {
        if let site = request.header("sec-fetch-site") { return site != "same-origin" && site != "none" }
        guard let origin = request.header("origin") else { return false }
        guard let host = request.header("host"), let scheme = origin.firstRange(of: "://") else { return true }
        return origin[scheme.upperBound...].lowercased() != host.lowercased()
    }

    private static func isType(_ wanted: String, _ header: String?) -> Bool {
        guard let header else { return false }
        let parts = header.lowercased().split(separator: ";").map {
            $0.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
        }
        guard parts.first == wanted else { return false }
        return parts.dropFirst().allSatisfy { !$0.hasPrefix("charset=") || $0 == "charset=utf-8" }
    }
}
