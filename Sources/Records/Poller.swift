import CSystemShim
import Glibc

/// One epoll instance: what a pipeline waits on.
@safe package struct Poller: ~Copyable {
    package struct Ready: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let source = Ready(rawValue: 1)
        package static let sink = Ready(rawValue: 2)
        package static let control = Ready(rawValue: 4)
        /// A literal of two would allocate.
        package static let everything = Ready(rawValue: 7)
    }

    private let epoll: Int32
    private var sinkDescriptor: Int32 = -1
    private var sinkGeneration: UInt64 = 0
    private var sinkEvents: UInt32 = 0

    package init(source: Int32, control: Int32) {
        epoll = system_shim_epoll_create()
        precondition(epoll >= 0, "epoll_create1 fails only without descriptors or memory")
        if source >= 0 { system_shim_epoll_add(epoll, source, EPOLLIN.rawValue, UInt64(Ready.source.rawValue)) }
        system_shim_epoll_add(epoll, control, EPOLLIN.rawValue, UInt64(Ready.control.rawValue))
    }

    deinit { close(epoll) }

    /// Follows the sink's socket: another one after a reconnect, with or without interest in writing.
    package mutating func watch(_ descriptor: Int32, generation: UInt64, forWriting: Bool) {
        let events = EPOLLIN.rawValue | (forWriting ? EPOLLOUT.rawValue : 0)
        guard descriptor != sinkDescriptor || generation != sinkGeneration || events != sinkEvents else { return }
        let token = UInt64(Ready.sink.rawValue)
        // A closed socket left the set by itself, and its number may already be another one's: hence both calls.
        if descriptor >= 0, system_shim_epoll_modify(epoll, descriptor, events, token) != 0 {
            system_shim_epoll_add(epoll, descriptor, events, token)
        }
        (sinkDescriptor, sinkGeneration, sinkEvents) = (descriptor, generation, events)
    }

    /// Waits until something is ready or the time is over; a negative time waits for ever.
    package func wait(milliseconds: Int32) -> Ready {
        var ready = Ready()
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 4) { tokens in
            unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 4) { events in
                let count = unsafe system_shim_epoll_wait(
                    epoll, tokens.baseAddress, events.baseAddress, 4, milliseconds)
                for index in 0..<max(0, Int(count)) { ready.insert(Ready(rawValue: UInt32(unsafe tokens[index]))) }
            }
        }
        return ready
    }
}
