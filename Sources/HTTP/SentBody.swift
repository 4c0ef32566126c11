import CMicrohttpdShim
import Glibc

/// A body on its way out: the array itself, shared with whoever else has it, held until the library has sent it.
final class SentBody: Sendable {
    /// What the library holds of it for each connection.
    static let pieceLimit = 16_384

    private let bytes: [UInt8]

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The library's response, which reads `bytes`; `nil` when there is no memory for it.
    static func response(_ bytes: [UInt8]) -> OpaquePointer? {
        let context = unsafe Unmanaged.passRetained(SentBody(bytes)).toOpaque()
        let made = unsafe MHD_create_response_from_callback(
            UInt64(bytes.count), pieceLimit,
            { context, position, piece, limit in
                guard let body = unsafe SentBody.of(context), let piece = unsafe piece else { return -1 }
                return unsafe body.read(at: position, to: UnsafeMutableRawBufferPointer(start: piece, count: limit))
            }, context,
            { context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<SentBody>.fromOpaque(context).release()
            })
        if unsafe made == nil { unsafe Unmanaged<SentBody>.fromOpaque(context).release() }
        return unsafe made
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> SentBody? {
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<SentBody>.fromOpaque(context).takeUnretainedValue()
    }

    /// How many bytes were written.
    private func read(at position: UInt64, to piece: UnsafeMutableRawBufferPointer) -> Int {
        let start = min(Int(clamping: position), bytes.count)
        let end = start + min(piece.count, bytes.count - start)
        unsafe piece.copyBytes(from: bytes[start..<end])
        return end - start
    }
}
