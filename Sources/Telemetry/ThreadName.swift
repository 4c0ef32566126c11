import CSystemShim

/// The name that `top -H` and debuggers show for a thread.
package enum ThreadName {
    /// Names the calling thread; 15 bytes are kept.
    package static func set(_ name: String) { unsafe system_shim_thread_name(name) }
}
