import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(1))) struct ControlMailboxTests {
    @Test func manyMessagesWakeTheirReaderOnce() {
        let mailbox = Mailbox()
        for _ in 0..<1_000 { mailbox.deliver(.storageChanged) }
        mailbox.wait(until: .now + .seconds(60))
        #expect(mailbox.takeAll().count == 1_000)
        let end = ContinuousClock.now + .milliseconds(50)
        mailbox.wait(until: end)
        // In whole milliseconds.
        #expect(.now > end - .milliseconds(2), "nothing wakes it again")
        mailbox.deliver(.storageChanged)
        mailbox.wait(until: .now + .seconds(60))
        #expect(mailbox.takeAll().count == 1)
    }
}
