import CCurlShim

/// One call on libcurl's side. Confined to the client's thread.
///
/// Owns its handle, header list and error text; libcurl copies the URL and the body. The handle must have left its multi
/// handle before the last reference goes.
@safe final class Transfer {
    let handle: UnsafeMutableRawPointer
    private let address: String
    private let limits: CallLimits
    private let then: HTTPClient.Completion
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let words: UnsafeMutablePointer<CChar>
    private var body: [UInt8] = []
    private var isTooLarge = false

    /// `nil` when memory is short.
    init?(_ call: Call, _ limits: CallLimits, then: @escaping HTTPClient.Completion) {
        guard let handle = unsafe curl_easy_init() else { return nil }
        unsafe self.handle = handle
        address = Self.address(in: call.url)
        self.limits = limits
        self.then = then
        unsafe words = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        prepare(call)
    }

    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe curl_slist_free_all(headers)
        unsafe words.deallocate()
    }

    /// Its own among those of one client.
    var identifier: Int { unsafe Int(bitPattern: handle) }

    /// `host:port` of a URL, or as much of it as there is.
    static func address(in url: String) -> String {
        let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        return String(rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    }

    /// A handle takes these options or was built without them, in which case its call fails by itself.
    private func prepare(_ call: Call) {
        text(CURLOPT_URL, call.url)
        text(CURLOPT_PROTOCOLS_STR, "http,https")
        number(CURLOPT_FOLLOWLOCATION, 0)
        number(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        // An empty name, unlike none, also keeps libcurl from http_proxy and its like in the environment.
        text(CURLOPT_PROXY, "")
        number(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        number(CURLOPT_NOSIGNAL, 1)
        // Without it the end of a call waits for its name look-up, and every other call with it.
        number(CURLOPT_QUICK_EXIT, 1)
        // A worker that moved to another machine is found there: libcurl would believe an old answer for a minute.
        number(CURLOPT_DNS_CACHE_TIMEOUT, 1)
        let left = call.notAfter.map { $0 - .now } ?? limits.deadline
        number(CURLOPT_TIMEOUT_MS, Self.milliseconds(min(limits.deadline, left)))
        number(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(limits.connectDeadline))
        unsafe curl_shim_easy_size_set(handle, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(limits.answerBytes))
        text(CURLOPT_USERAGENT, "klinecast")
        unsafe curl_shim_easy_pointer_set(handle, CURLOPT_ERRORBUFFER, words)
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe curl_shim_easy_writer_set(handle, Transfer.onBytes, context)
        if let body = call.body { post(body) }
    }

    private func post(_ body: [UInt8]) {
        unsafe curl_shim_easy_size_set(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
        var bytes = body
        unsafe bytes.withUnsafeMutableBytes { bytes in
            _ = unsafe curl_shim_easy_pointer_set(handle, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress)
        }
        number(CURLOPT_POST, 1)
        unsafe headers = unsafe curl_slist_append(headers, "Content-Type: application/json")
        // A worker need not know of it, and a second's wait for its consent is gone.
        unsafe headers = unsafe curl_slist_append(headers, "Expect:")
        unsafe curl_shim_easy_headers_set(handle, headers)
    }

    private func text(_ option: CURLoption, _ text: String) { unsafe curl_shim_easy_text_set(handle, option, text) }
    private func number(_ option: CURLoption, _ number: Int) {
        unsafe curl_shim_easy_number_set(handle, option, number)
    }

    private static func milliseconds(_ duration: Duration) -> Int { max(1, Int(duration / .milliseconds(1))) }

    private static let onBytes:
        @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = {
            bytes, size, count, context in
            guard let context = unsafe context else { return 0 }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            return unsafe transfer.take(UnsafeRawBufferPointer(start: bytes, count: size * count))
        }

    /// Any other count than the bytes' own ends the call.
    private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        isTooLarge = isTooLarge || body.count + bytes.count > limits.answerBytes
        if isTooLarge { return -1 }
        unsafe body.append(contentsOf: bytes)
        return bytes.count
    }

    /// Tells the caller what became of the call.
    func finish(_ code: CURLcode) {
        guard code == CURLE_OK else { return fail(error(code)) }
        then(.success(Answer(status: unsafe curl_shim_easy_status(handle), body: body)))
    }

    func fail(_ error: CallError) { then(.failure(error)) }
    func stop() { fail(.stopped(address)) }

    private func error(_ code: CURLcode) -> CallError {
        let detail = unsafe String(cString: words)
        let words = detail.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : detail
        return switch code {
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_LOGIN_DENIED: .badAddress(address, words: words)
        case CURLE_COULDNT_RESOLVE_HOST: .resolution(address)
        case CURLE_COULDNT_CONNECT: .connect(address, words: words)
        case CURLE_OPERATION_TIMEDOUT: .deadline(address, limits.deadline)
        case CURLE_FILESIZE_EXCEEDED: .tooLarge(address, limit: limits.answerBytes)
        case CURLE_WRITE_ERROR where isTooLarge: .tooLarge(address, limit: limits.answerBytes)
        default: .transport(address, words: words)
        }
    }
}
