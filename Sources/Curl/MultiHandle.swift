import CCurlShim

/// The owner of libcurl's multi handle, which has the connections.
///
/// Sendable: everything but `wake`, which libcurl lets any thread call, is called by the client's thread alone, and the
/// client keeps the handle until that thread has ended.
@safe final class MultiHandle: @unchecked Sendable {
    /// Connections without a call that are kept.
    private static let idleConnections = 256
    /// Without reason to wake: libcurl's own timers and `wake` end a wait earlier.
    private static let longestWait: Int32 = 10_000
    private static let isPrepared: Void = { _ = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) }()

    private let handle: UnsafeMutableRawPointer

    init() {
        Self.isPrepared
        guard let handle = unsafe curl_multi_init() else { preconditionFailure("no memory for libcurl at start") }
        unsafe self.handle = handle
        unsafe curl_shim_multi_number_set(handle, CURLMOPT_MAXCONNECTS, Self.idleConnections)
    }

    deinit { unsafe curl_multi_cleanup(handle) }

    func add(_ transfer: Transfer) -> Bool { unsafe curl_multi_add_handle(handle, transfer.handle) == CURLM_OK }
    func remove(_ transfer: Transfer) { unsafe curl_multi_remove_handle(handle, transfer.handle) }

    /// Does what can be done now, then tells which transfers ended and how; they are removed.
    func perform(_ finished: (_ identifier: Int, CURLcode) -> Void) {
        var running: Int32 = 0
        unsafe curl_multi_perform(handle, &running)
        var queued: Int32 = 0
        while let message = unsafe curl_multi_info_read(handle, &queued) {
            // The message is libcurl's and ends with the next call.
            let code = unsafe curl_shim_message_result(message)
            guard unsafe message.pointee.msg == CURLMSG_DONE, let easy = unsafe message.pointee.easy_handle else {
                continue
            }
            unsafe curl_multi_remove_handle(handle, easy)
            finished(Int(bitPattern: easy), code)
        }
    }

    /// Until something can be done.
    func wait() { unsafe curl_multi_poll(handle, nil, 0, Self.longestWait, nil) }

    /// Ends `wait`, or the next one.
    func wake() { unsafe curl_multi_wakeup(handle) }
}
