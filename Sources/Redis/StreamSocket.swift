import Glibc

/// What a transport could do with bytes at this moment.
enum Transfer: Equatable {
    case bytes(Int)
    case wouldBlock
    case endOfStream
    case failed(RedisError)
}

/// A non-blocking stream socket, TCP or unix, closed with its owner. Confined to one thread.
struct StreamSocket: ~Copyable {
    let descriptor: Int32

    /// Opens a socket and starts to connect it.
    init(connectingTo address: SocketAddress, endpoint: String) throws(RedisError) {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw .connect(endpoint: endpoint, words: Self.words(errno)) }
        if address.family != AF_UNIX {
            Self.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
            Self.set(descriptor, SOL_SOCKET, SO_KEEPALIVE)
        }
        let code = unsafe address.bytes.withUnsafeBytes { bytes in
            unsafe bytes.withMemoryRebound(to: sockaddr.self) {
                unsafe connect(descriptor, $0.baseAddress!, socklen_t(bytes.count))
            }
        }
        guard code == 0 || errno == EINPROGRESS else {
            let words = Self.words(errno)
            _ = close(descriptor)
            throw .connect(endpoint: endpoint, words: words)
        }
        self.descriptor = descriptor
    }

    deinit { _ = close(descriptor) }

    /// `nil` while the connection is still being made.
    func connected(endpoint: String) -> Result<Void, RedisError>? {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&wanted, 1, 0) > 0 else { return nil }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code == 0 else {
            return .failure(.connect(endpoint: endpoint, words: Self.words(code == 0 ? errno : code)))
        }
        return .success(())
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        while true {
            let count = unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            let code = errno
            if code == EINTR { continue }
            return code == EAGAIN ? .wouldBlock : .failed(Self.failure(code))
        }
    }

    func receive(_ space: UnsafeMutableRawBufferPointer) -> Transfer {
        while true {
            let count = unsafe recv(descriptor, space.baseAddress, space.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .endOfStream }
            let code = errno
            if code == EINTR { continue }
            return code == EAGAIN ? .wouldBlock : .failed(Self.failure(code))
        }
    }

    /// How much the kernel has taken is not lost by a peer that has gone: it is an ordinary end.
    static func failure(_ code: Int32) -> RedisError {
        code == ECONNRESET || code == EPIPE ? .closedByServer : .io(words: words(code))
    }

    static func words(_ code: Int32) -> String {
        var space = [CChar](repeating: 0, count: 256)
        guard unsafe strerror_r(code, &space, space.count) == 0 else { return "error \(code)" }
        return String(decoding: space.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
        var one: Int32 = 1
        _ = unsafe setsockopt(descriptor, level, option, &one, socklen_t(MemoryLayout<Int32>.size))
    }
}
