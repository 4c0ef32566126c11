/// The one place that reads the environment; everything else takes the dictionary.
package enum ProcessEnvironment {
    /// The variables the process was started with, from /proc: unlike `environ`, nothing can change them meanwhile. A
    /// variable given twice has its first value, as with getenv. Empty where there is no /proc.
    package static func read() -> [String: String] {
        // Linux starts no program with more than 6 MB of arguments and environment (execve(2)).
        guard case .success(let bytes) = SettingsLoader.bytes(ofFile: "/proc/self/environ", limit: 6 << 20) else {
            return [:]
        }
        return parse(bytes)
    }

    static func parse(_ bytes: [UInt8]) -> [String: String] {
        var environment: [String: String] = [:]
        for entry in bytes.split(separator: 0) {
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: entry[..<equals], as: UTF8.self)
            if environment[name] == nil {
                environment[name] = String(decoding: entry[entry.index(after: equals)...], as: UTF8.self)
            }
        }
        return environment
    }
}
