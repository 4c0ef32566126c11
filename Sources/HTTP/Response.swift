package import Telemetry

/// An answer, complete.
package struct Response: Sendable, Equatable {
    package struct Header: Sendable, Equatable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package static let jsonType = "application/json; charset=utf-8"

    package var status: Int
    package var contentType: String
    /// Beside those that every answer has.
    package var headers: [Header]
    package var body: [UInt8]

    package init(status: Int = 200, contentType: String = jsonType, headers: [Header] = [], body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    package static func json(status: Int = 200, _ write: (inout JSONWriter) -> Void) -> Response {
        var json = JSONWriter(reserving: 1_024)
        write(&json)
        return Response(status: status, body: json.bytes)
    }

    /// `{"ok":false,"error":"what is wrong and what to do","code":"machine_word"}`.
    ///
    /// - Parameter detail: what `error` does not say where its words are another program's, in a member of that name.
    package static func failure(
        _ status: Int, _ code: String, _ sentence: String, detail: String? = nil, headers: [Header] = []
    ) -> Response {
        var response = json(status: status) { json in
            json.object { json in
                json.member("ok", false)
                json.member("error", sentence)
                json.member("code", code)
                if let detail { json.member("detail", detail) }
            }
        }
        response.headers = headers
        return response
    }

    package static func metrics(_ page: MetricsPage) -> Response {
        Response(contentType: MetricsPage.contentType, body: page.bytes)
    }
}
