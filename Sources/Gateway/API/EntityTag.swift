import HTTP

/// `ETag`, `If-Match` and `If-None-Match` (RFC 9110, 8.8.3 and 13.1).
enum EntityTag {
    /// What a write asks of the stored state.
    enum Condition: Equatable {
        case none
        case state(StateTag)
        /// A tag that none of ours can be.
        case never
    }

    static func header(_ tag: StateTag) -> Response.Header { Response.Header("ETag", "\"\(tag)\"") }

    /// `*` asks for any state, and there always is one. A weak tag never matches here.
    static func condition(of request: Request) throws(Refusal) -> Condition {
        let values = request.headers.filter { $0.name.lowercased() == "if-match" }.map(\.value)
        guard let value = values.first else { return .none }
        let text = trimmed(value[...])
        if values.count == 1, text == "*" { return .none }
        guard values.count == 1, let tags = list(text), tags.count == 1, let tag = tags.first else {
            throw Refusal(
                400, "bad_if_match",
                "If-Match: must be * or one tag in quotes, as ETag has it (got \(JSONValue.string(value).excerpt))")
        }
        guard !tag.isWeak, let state = StateTag(tag.text) else { return .never }
        return .state(state)
    }

    /// Whether a reader has this state already. What can't be read as a list of tags asks for nothing.
    static func isKnown(_ tag: StateTag, to request: Request) -> Bool {
        let values = request.headers.filter { $0.name.lowercased() == "if-none-match" }.map(\.value)
        return values.contains { value in
            let text = trimmed(value[...])
            return text == "*" || list(text)?.contains { $0.text == tag.description } == true
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var text = text.drop(while: blank)
        while let last = text.last, blank(last) { text.removeLast() }
        return text
    }

    /// `"a", W/"b"`; `nil` for anything else. A tag has no quote within.
    private static func list(_ text: Substring) -> [(text: Substring, isWeak: Bool)]? {
        var tags: [(text: Substring, isWeak: Bool)] = []
        var rest = text
        while true {
            let isWeak = rest.hasPrefix("W/")
            if isWeak { rest = rest.dropFirst(2) }
            guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") else { return nil }
            tags.append((rest[rest.index(after: rest.startIndex)..<end], isWeak))
            rest = trimmed(rest[rest.index(after: end)...])
            if rest.isEmpty { return tags }
            guard rest.first == "," else { return nil }
            rest = trimmed(rest.dropFirst())
        }
    }
}
