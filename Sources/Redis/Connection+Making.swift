import Glibc

/// From an endpoint to a socket that is ready for the connection's own commands.
extension Connection {
    func resolve() -> ConnectionState.Event? {
        endpoint = source.endpoint(after: machine.lastFailure?.error)
        switch endpoint {
        case .unix(let path):
            guard let address = SocketAddress(unixPath: path) else {
                let error = RedisError.connect(
                    endpoint: path, words: "the path is longer than the 107 bytes of a socket's")
                return .failed(error, jitter: random())
            }
            addresses = [address]
            return .resolved(addresses: 1)
        case .tcp(let host, let port):
            if case .success(let found) = SocketAddress.lookUp(host: host, port: port, isNumeric: true) {
                addresses = found
                return .resolved(addresses: found.count)
            }
            if resolver?.host != host || resolver?.port != port { resolver = AddressResolver(host: host, port: port) }
            if let resolver { watch(resolver.descriptor) }
            return nil
        }
    }

    func checkResolver(_ now: Instant) {
        guard let result = resolver?.result else { return }
        resolver = nil
        descriptor = -1
        switch result {
        case .success(let found) where !found.isEmpty:
            addresses = found
            drive(.resolved(addresses: found.count), now)
        case .success:
            fail(.resolution(host: endpoint.description, words: "it has no address"), now)
        case .failure(let error): fail(error, now)
        }
    }

    func connect(_ address: SocketAddress) -> ConnectionState.Event? {
        tearDown()
        do {
            let socket = try StreamSocket(connectingTo: address, endpoint: endpoint.description)
            watch(socket.descriptor)
            self.socket = consume socket
            return nil
        } catch {
            return .failed(error, jitter: random())
        }
    }

    func checkConnected(_ now: Instant) {
        switch socket?.connected(endpoint: endpoint.description) {
        case .success:
            drive(.connected, now)
            if usesTLS { handshake(now) } else { prepare(now) }
        case .failure(let error): fail(error, now)
        case nil: break
        }
    }

    func secure() -> ConnectionState.Event? {
        var host = "localhost"
        if case .tcp(let name, _) = endpoint { host = name }
        do {
            tls = try TLSSession(
                descriptor: descriptor, host: host, server: endpoint.description,
                authorityLocation: settings.authorityLocation)
            return nil
        } catch {
            return .failed(.tls(error), jitter: random())
        }
    }

    func handshake(_ now: Instant) {
        guard let tls else { return }
        do {
            guard try tls.handshake() else { return }
            drive(.secured, now)
            prepare(now)
        } catch {
            fail(error, now)
        }
    }
}
