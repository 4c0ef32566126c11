import Foundation

/// What `eventually` throws when its condition never came.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Waits until `condition` gives a value, looking each `pause`: for the real processes of a test, whose moments nobody
/// else can tell. `what` completes the sentence "never happened: …".
@discardableResult
package func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(30), every pause: Duration = .milliseconds(5),
    _ condition: () throws -> Value?
) throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        if let value = try condition() { return value }
        if ContinuousClock.now > deadline {
            throw NeverHappened(description: "never happened within \(limit): \(what)")
        }
        usleep(UInt32(pause / .microseconds(1)))
    }
}

/// The same for a plain condition.
package func eventually(
    _ what: String, within limit: Duration = .seconds(30), every pause: Duration = .milliseconds(5),
    _ condition: () throws -> Bool
) throws {
    try eventually(what, within: limit, every: pause) { try condition() ? () : nil } as Void
}
