import Glibc

/// The process's own figures out of /proc/self, under the names that Prometheus clients agree on. What cannot be read is
/// left out.
package struct ProcessMetrics: MetricSource {
    package init() {}

    package func write(to page: inout MetricsPage) {
        if let figures = ProcessFigures.read() {
            page.counter("process_cpu_seconds_total", "User and system CPU time spent.", seconds: figures.cpuSeconds)
            page.gauge("process_resident_memory_bytes", "Resident memory.", figures.residentBytes)
            page.gauge("process_virtual_memory_bytes", "Virtual memory.", figures.virtualBytes)
            page.gauge("process_threads", "Threads.", figures.threads)
            if let start = figures.startSeconds {
                page.gauge("process_start_time_seconds", "Start of the process in seconds since 1970.", start)
            }
        }
        if let open = ProcessFigures.openDescriptors() {
            page.gauge("process_open_fds", "Open file descriptors.", open)
        }
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            page.gauge("process_max_fds", "Most file descriptors that may be open.", limit.rlim_cur)
        }
    }
}

package struct ProcessFigures: Sendable {
    package let cpuSeconds: Double
    package let residentBytes: Int
    package let virtualBytes: Int
    package let threads: Int
    /// Seconds since 1970.
    package let startSeconds: Double?

    /// Of this process; `nil` where there is no /proc.
    package static func read() -> ProcessFigures? {
        // proc(5): the fields after the name, which stands in parentheses and may hold anything.
        guard let stat = text("/proc/self/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ").map { Int($0) ?? 0 }
        guard fields.count > 21 else { return nil }
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        let boot = text("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
            .flatMap { Double($0.dropFirst(6)) }
        return ProcessFigures(
            cpuSeconds: Double(fields[11] + fields[12]) / ticks,
            residentBytes: fields[21] * sysconf(Int32(_SC_PAGESIZE)),
            virtualBytes: fields[20], threads: fields[17], startSeconds: boot.map { $0 + Double(fields[19]) / ticks })
    }

    package static func openDescriptors() -> Int? {
        guard let folder = unsafe opendir("/proc/self/fd") else { return nil }
        defer { unsafe closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Without `.`, `..` and the folder's own descriptor.
        return max(0, count - 3)
    }

    /// A file of /proc has no size: it is read until its end, at most 1 MB.
    private static func text(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 8_192)
        while bytes.count < 1 << 20 {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
