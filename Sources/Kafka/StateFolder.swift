internal import Foundation

/// The folder of what must outlive a restart.
package enum StateFolder {
    /// The end of every sentence on a folder that is of no use.
    package static let remedy = "set STATE_DIR to a folder that can be written"

    /// Makes it, and the folders above it that are missing.
    package static func create(_ path: String) throws(KafkaError) {
        var code = make(path)
        if code == ENOENT {
            let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
            if parent != path { try create(parent) }
            code = make(path)
        }
        guard code == 0 else {
            throw .system(attempt: "create the state folder \(path)", errno: code, remedy: remedy)
        }
    }

    /// 0 when it is there in the end.
    private static func make(_ path: String) -> Int32 {
        if unsafe mkdir(path, 0o755) == 0 { return 0 }
        let code = errno
        guard code == EEXIST else { return code }
        var isFolder: ObjCBool = false
        let isThere = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        return isThere && isFolder.boolValue ? 0 : ENOTDIR
    }
}
