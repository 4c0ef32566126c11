import CYamlShim

/// A node of a YAML file, with the place where it begins.
struct YamlNode: Equatable {
    indirect enum Content: Equatable {
        case null
        case scalar(String)
        case sequence([YamlNode])
        case mapping([Entry])
    }

    struct Entry: Equatable {
        let key: String
        let line: Int
        let column: Int
        let value: YamlNode
    }

    let content: Content
    let line: Int
    let column: Int
}

/// Reads one YAML document through libyaml's events.
///
/// Limits: 1 MB of text, 16 levels, 10,000 nodes. Refused: aliases (an alias of an alias is how a small file grows
/// without end), duplicate keys, keys that are not plain texts, a second document.
@safe struct YamlDocument {
    static let maximumBytes = 1 << 20
    private static let maximumDepth = 16
    private static let maximumNodes = 10_000

    private let path: String
    /// On the heap because libyaml keeps the parser's own address in it.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private var nodeCount = 0

    /// The root; `null` for a file of comments only.
    static func root(of text: [UInt8], path: String) throws(ConfigurationError) -> YamlNode {
        guard text.count <= maximumBytes else {
            throw ConfigurationError([
                .unreadable(path: path, reason: "it holds \(text.count) bytes, more than the limit of \(maximumBytes)")
            ])
        }
        var result: Result<YamlNode, ConfigurationError>?
        unsafe text.withUnsafeBufferPointer { bytes in
            let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
            defer { unsafe parser.deallocate() }
            guard unsafe yaml_parser_initialize(parser) == 1 else { return }
            defer { unsafe yaml_parser_delete(parser) }
            unsafe yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
            var document = unsafe YamlDocument(path: path, parser: parser)
            do throws(ConfigurationError) {
                result = .success(try document.readStream())
            } catch {
                result = .failure(error)
            }
        }
        guard let result else {
            throw ConfigurationError([.unreadable(path: path, reason: "no memory for the parser")])
        }
        return try result.get()
    }

    private init(path: String, parser: UnsafeMutablePointer<yaml_parser_t>) {
        self.path = path
        unsafe self.parser = parser
    }

    /// An event as a value, so that libyaml's memory is freed where it was taken.
    private struct Event {
        enum Kind: Equatable {
            case streamStart, streamEnd, documentStart, documentEnd, mappingStart, mappingEnd, sequenceStart,
                sequenceEnd
            case scalar(String, isPlain: Bool)
            case alias
        }

        let kind: Kind
        let line: Int
        let column: Int
    }

    private func fault(_ reason: String, line: Int, column: Int) -> ConfigurationError {
        ConfigurationError([.syntax(path: path, line: line, column: column, reason: reason)])
    }

    private mutating func next() throws(ConfigurationError) -> Event {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else {
            let mark = unsafe yaml_shim_parser_mark(parser)
            let reason = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "not YAML"
            throw fault(reason, line: mark.line, column: mark.column)
        }
        defer { unsafe yaml_event_delete(&event) }
        let mark = unsafe yaml_shim_event_mark(&event)
        let kind: Event.Kind
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: kind = .streamStart
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_MAPPING_START_EVENT: kind = .mappingStart
        case YAML_MAPPING_END_EVENT: kind = .mappingEnd
        case YAML_SEQUENCE_START_EVENT: kind = .sequenceStart
        case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
        case YAML_ALIAS_EVENT: kind = .alias
        case YAML_SCALAR_EVENT:
            let bytes = unsafe UnsafeBufferPointer(
                start: yaml_shim_scalar_bytes(&event), count: yaml_shim_scalar_length(&event))
            let text = unsafe String(decoding: bytes, as: UTF8.self)
            kind = .scalar(text, isPlain: unsafe yaml_shim_scalar_is_plain(&event) == 1)
        default: kind = .streamEnd
        }
        return Event(kind: kind, line: mark.line, column: mark.column)
    }

    private mutating func readStream() throws(ConfigurationError) -> YamlNode {
        _ = try next()
        guard try next().kind == .documentStart else { return YamlNode(content: .null, line: 1, column: 1) }
        let root = try readNode(after: try next(), depth: 0)
        _ = try next()
        let end = try next()
        guard end.kind == .streamEnd else {
            throw fault("a second document begins here; one file holds one", line: end.line, column: end.column)
        }
        return root
    }

    private mutating func readNode(after event: Event, depth: Int) throws(ConfigurationError) -> YamlNode {
        nodeCount += 1
        guard depth < Self.maximumDepth, nodeCount <= Self.maximumNodes else {
            let limit = depth < Self.maximumDepth ? "\(Self.maximumNodes) values" : "\(Self.maximumDepth) levels"
            throw fault("more than \(limit) is refused", line: event.line, column: event.column)
        }
        let content: YamlNode.Content
        switch event.kind {
        case .scalar(let text, let isPlain):
            content = isPlain && ["", "~", "null", "Null", "NULL"].contains(text) ? .null : .scalar(text)
        case .sequenceStart: content = .sequence(try readSequence(depth: depth))
        case .mappingStart: content = .mapping(try readMapping(depth: depth))
        case .alias:
            throw fault("aliases (*name) are not read; write the value out", line: event.line, column: event.column)
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .mappingEnd, .sequenceEnd:
            throw fault("a value is missing here", line: event.line, column: event.column)
        }
        return YamlNode(content: content, line: event.line, column: event.column)
    }

    private mutating func readSequence(depth: Int) throws(ConfigurationError) -> [YamlNode] {
        var items: [YamlNode] = []
        while true {
            let event = try next()
            if event.kind == .sequenceEnd { return items }
            items.append(try readNode(after: event, depth: depth + 1))
        }
    }

    private mutating func readMapping(depth: Int) throws(ConfigurationError) -> [YamlNode.Entry] {
        var entries: [YamlNode.Entry] = []
        var firstLines: [String: Int] = [:]
        while true {
            let event = try next()
            if event.kind == .mappingEnd { return entries }
            guard case .scalar(let key, _) = event.kind else {
                throw fault("a key must be a plain word", line: event.line, column: event.column)
            }
            if let first = firstLines.updateValue(event.line, forKey: key) {
                throw fault(
                    "\(key.shown) is given twice (first on line \(first)); leave one", line: event.line,
                    column: event.column)
            }
            let value = try readNode(after: try next(), depth: depth + 1)
            entries.append(YamlNode.Entry(key: key, line: event.line, column: event.column, value: value))
        }
    }
}
