import Gateway
import Testing

@Suite struct StateTagTests {
    @Test func aTagIsReadAsItIsWritten() {
        let tag = StateTag(incarnation: "0123456789abcdef", version: 42)
        #expect(tag.description == "0123456789abcdef-42")
        #expect(StateTag("0123456789abcdef-42") == tag)
    }

    @Test(arguments: [
        "", "42", "-42", "0123456789abcdef-", "0123456789ABCDEF-1", "0123456789abcdef--1", "0123456789abcdef-01",
    ])
    func whatIsNoTagIsRefused(_ text: String) {
        #expect(StateTag(text) == nil)
    }
}
