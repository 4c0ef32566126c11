import Testing

@testable import Storage

@Suite struct WritePlanTests {
    /// `x`: the batch held a key of the table, `.`: it did not; oldest first.
    @Test(arguments: [
        ("", WritePlan.Way.straight),
        (".", .straight),
        ("x", .straight),
        ("xxx", .straight),
        ("xxxx", .upsert),
        ("x.x.x.x.", .upsert),
        ("xxxxxxxx", .upsert),
        ("xxxx....", .upsert),
        ("xxxx.....", .straight),
        ("x.........x", .straight),
        ("........xxxx", .upsert),
        ("xxxxxxxxxxxx.....", .straight),
    ])
    func theRecentOutcomesDecide(_ outcomes: String, _ expected: WritePlan.Way) {
        var plan = WritePlan()
        for outcome in outcomes { plan.note(hadConflict: outcome == "x") }
        #expect(plan.first == expected)
    }
}
