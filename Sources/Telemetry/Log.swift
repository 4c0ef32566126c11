/// One line of talk on standard error: a constant sentence and its data.
package enum Log {
    package typealias Metadata = KeyValuePairs<StaticString, String>

    package static func debug(_ message: StaticString, _ metadata: @autoclosure () -> Metadata = [:]) {}
    package static func info(_ message: StaticString, _ metadata: @autoclosure () -> Metadata = [:]) {}
    package static func warning(_ message: StaticString, _ metadata: @autoclosure () -> Metadata = [:]) {}
    package static func error(_ message: StaticString, _ metadata: @autoclosure () -> Metadata = [:]) {}
}
