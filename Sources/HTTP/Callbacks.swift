import CMicrohttpdShim
import Telemetry

/// libmicrohttpd's callbacks: unwrap, call, return. All on the server's thread.
///
/// The context is the `Exchange`, which outlives the daemon. A request's own pointer is a retained `Exchange.Pending`,
/// made where the library shows the target and released where it says that the request is over, which it does for every
/// request whose target it has shown.
enum Callbacks {
    static let onTarget:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?)
            -> UnsafeMutableRawPointer? = { context, target, _ in
                let pending = Exchange.Pending(target: unsafe target.map { unsafe String(cString: $0) } ?? "")
                return unsafe Unmanaged.passRetained(pending).toOpaque()
            }

    static let onRequest: MHD_AccessHandlerCallback = { context, connection, _, method, version, data, size, state in
        guard let exchange = unsafe exchange(context), let connection = unsafe connection, let size = unsafe size,
            let pointer = unsafe state?.pointee
        else { return .NO }
        let pending = unsafe Unmanaged<Exchange.Pending>.fromOpaque(pointer).takeUnretainedValue()
        let current = unsafe Connection(handle: connection)
        if !pending.hasBegun {
            let method = unsafe method.map { unsafe String(cString: $0) } ?? ""
            let version = unsafe version.map { unsafe String(cString: $0) } ?? ""
            return exchange.begin(pending, method: method, version: version, on: current) ? .YES : .NO
        }
        let count = unsafe size.pointee
        if count > 0 {
            unsafe size.pointee = 0
            let bytes = unsafe UnsafeRawBufferPointer(start: data, count: count)
            return unsafe exchange.take(bytes, pending) ? .YES : .NO
        }
        return exchange.answer(pending, on: current) ? .YES : .NO
    }

    static let onCompleted: MHD_RequestCompletedCallback = { context, connection, state, _ in
        guard let exchange = unsafe exchange(context), let connection = unsafe connection,
            let pointer = unsafe state?.pointee
        else { return }
        unsafe state?.pointee = nil
        let pending = unsafe Unmanaged<Exchange.Pending>.fromOpaque(pointer).takeRetainedValue()
        exchange.completed(pending, on: unsafe Connection(handle: connection))
    }

    static let onConnection: MHD_NotifyConnectionCallback = { context, connection, _, code in
        guard let exchange = unsafe exchange(context), let connection = unsafe connection else { return }
        exchange.connection(unsafe Connection(handle: connection), isOpen: code == .CONNECTION_NOTIFY_STARTED)
    }

    static let onMessage: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?) -> Void = { _, message in
        let text = unsafe message.map { unsafe String(cString: $0) } ?? ""
        Log.warning("HTTP library message", ["http.message": text.filter { $0 != "\n" }])
    }

    private static func exchange(_ context: UnsafeMutableRawPointer?) -> Exchange? {
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
    }
}
