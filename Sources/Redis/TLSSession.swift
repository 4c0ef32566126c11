import COpenSSLShim
import Glibc

/// TLS over one connected socket: certificate and host name verified, TLS 1.2 or newer. Confined to one thread.
@safe final class TLSSession {
    // Owned, released in this order: the session (with its BIO), then the context.
    private let context: OpaquePointer
    private let session: OpaquePointer
    private let host: String
    /// The server as messages name it.
    private let server: String
    /// The last operation waits until the socket takes bytes, though it may have been a read.
    private(set) var wantsWrite = false

    /// - Parameter descriptor: not owned, must stay open as long as this lives.
    init(descriptor: Int32, host: String, server: String, authorityLocation: String?) throws(TLSProblem) {
        let context = unsafe try Self.context(authorityLocation)
        guard let session = unsafe SSL_new(context) else {
            unsafe SSL_CTX_free(context)
            throw Self.other()
        }
        unsafe self.context = context
        unsafe self.session = session
        self.host = host
        self.server = server
        try name()
        guard let socket = unsafe openssl_shim_socket_bio(descriptor) else { throw Self.other() }
        unsafe SSL_set_bio(session, socket, socket)
        unsafe SSL_set_connect_state(session)
    }

    deinit {
        unsafe SSL_free(session)
        unsafe SSL_CTX_free(context)
    }

    /// All that a session copies when it is made has to be set before.
    private static func context(_ authorityLocation: String?) throws(TLSProblem) -> OpaquePointer {
        ERR_clear_error()
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { throw other() }
        do throws(TLSProblem) {
            unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
            _ = unsafe openssl_shim_partial_writes(context)
            guard unsafe openssl_shim_minimum_version(context, TLS1_2_VERSION) == 1 else { throw other() }
            try unsafe trust(authorityLocation, context)
            return unsafe context
        } catch {
            unsafe SSL_CTX_free(context)
            throw error
        }
    }

    private static func trust(_ location: String?, _ context: OpaquePointer) throws(TLSProblem) {
        guard let location else {
            guard unsafe SSL_CTX_set_default_verify_paths(context) == 1 else { throw other() }
            return
        }
        var information = stat()
        guard unsafe stat(location, &information) == 0 else {
            throw .authorityFile(path: location, words: StreamSocket.words(errno))
        }
        let isFolder = information.st_mode & S_IFMT == S_IFDIR
        let code = unsafe SSL_CTX_load_verify_locations(context, isFolder ? nil : location, isFolder ? location : nil)
        guard code == 1 else { throw .authorityFile(path: location, words: words()) }
    }

    /// The name is checked against the certificate, and sent so that the server can choose one (SNI; not for addresses).
    private func name() throws(TLSProblem) {
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1 { return }
        ERR_clear_error()
        unsafe SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        guard unsafe SSL_set1_host(session, host) == 1, unsafe openssl_shim_server_name(session, host) == 1 else {
            throw Self.other()
        }
    }

    /// Whether the server has sent anything at all.
    var hasHeard: Bool { unsafe BIO_number_read(SSL_get_rbio(session)) > 0 }

    /// One step of the handshake; `true` when it is done.
    func handshake() throws(RedisError) -> Bool {
        ERR_clear_error()
        let code = unsafe SSL_do_handshake(session)
        wantsWrite = false
        if code == 1 { return true }
        switch unsafe SSL_get_error(session, code) {
        case SSL_ERROR_WANT_READ: return false
        case SSL_ERROR_WANT_WRITE:
            wantsWrite = true
            return false
        default: throw .tls(problem())
        }
    }

    /// - Precondition: after `wouldBlock` the same bytes, or more that begin with them.
    func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        ERR_clear_error()
        let count = unsafe SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count))
        wantsWrite = false
        return count > 0 ? .bytes(Int(count)) : outcome(count)
    }

    func receive(_ space: UnsafeMutableRawBufferPointer) -> Transfer {
        ERR_clear_error()
        let count = unsafe SSL_read(session, space.baseAddress, Int32(clamping: space.count))
        wantsWrite = false
        return count > 0 ? .bytes(Int(count)) : outcome(count)
    }

    private func outcome(_ code: Int32) -> Transfer {
        let system = errno
        switch unsafe SSL_get_error(session, code) {
        case SSL_ERROR_WANT_READ: return .wouldBlock
        case SSL_ERROR_WANT_WRITE:
            wantsWrite = true
            return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .endOfStream
        case SSL_ERROR_SYSCALL: return system == 0 ? .endOfStream : .failed(StreamSocket.failure(system))
        default:
            let words = Self.words()
            return words.contains("unexpected eof") ? .endOfStream : .failed(.io(words: words))
        }
    }

    private func problem() -> TLSProblem {
        // The first bytes were no record of TLS.
        if ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER { return .plainServer(server) }
        return switch Int32(truncatingIfNeeded: unsafe SSL_get_verify_result(session)) {
        case X509_V_OK: Self.other()
        case X509_V_ERR_CERT_HAS_EXPIRED: .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: .selfSigned
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            .unknownAuthority
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .wrongHost(host)
        case let code: unsafe .other(String(cString: X509_verify_cert_error_string(Int(code))))
        }
    }

    private static func other() -> TLSProblem { .other(words()) }

    /// The words of OpenSSL's oldest queued error.
    private static func words() -> String {
        let code = ERR_get_error()
        guard code != 0 else { return "the handshake broke off" }
        guard let reason = unsafe ERR_reason_error_string(code) else { return "OpenSSL error \(code)" }
        return unsafe String(cString: reason)
    }
}
