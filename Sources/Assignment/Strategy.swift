/// How a dispatch chooses workers.
package enum Strategy: Equatable, Sendable {
    /// Rendezvous hashing with bounded loads: a pure function of the symbols and the workers' names.
    case hash
    /// What is well placed stays; the rest goes to the least loaded worker, heaviest first.
    case least
    /// All to one worker, pinned.
    case worker(WorkerName)
    /// crc32(symbol) mod n over the active workers in the order of registration.
    case modulo
}
