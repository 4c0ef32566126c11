extension String {
    /// The text up to the terminating zero of a buffer that a C function filled.
    init(buffer: [CChar]) {
        self.init(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
