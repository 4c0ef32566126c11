import Foundation
import Kafka
import TestRigs
import Testing

@Suite("Instance identity")
struct InstanceIdentityTests {
    @Test func aRestartIsTheSameMemberAndTwoAtOnceAreNot() throws {
        let folder = try TemporaryFolder()
        let state = folder.file("state/deep")
        var first: InstanceIdentity? = try InstanceIdentity(folder: state, role: "router")
        let second = try InstanceIdentity(folder: state, role: "router")
        let name = try #require(first).identifier
        #expect(second.identifier != name)
        #expect(try #require(first).path.hasSuffix("/router-1.instance") && second.path.hasSuffix("/router-2.instance"))
        first = nil
        let again = try InstanceIdentity(folder: state, role: "router")
        #expect(again.identifier == name)
        #expect(try InstanceIdentity(folder: state, role: "persister").path.hasSuffix("/persister-1.instance"))
    }

    @Test func anUnusableFileIsWrittenAnew() throws {
        let folder = try TemporaryFolder()
        try Data([0, 255, 10]).write(to: URL(fileURLWithPath: folder.file("router-1.instance")))
        let identity = try InstanceIdentity(folder: folder.path, role: "router")
        #expect(identity.identifier.hasPrefix("router-"))
        let kept = try String(contentsOfFile: identity.path, encoding: .utf8)
        #expect(kept == identity.identifier + "\n")
    }

    @Test func aFolderThatCannotBeMadeIsNamed() {
        let error = #expect(throws: KafkaError.self) { try InstanceIdentity(folder: "/proc/none", role: "router") }
        #expect(error?.description.contains("/proc/none") == true)
    }
}
