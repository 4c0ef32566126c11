import Records

/// The dead-letter topic: acknowledges letters when it is told to.
final class SimulatedShelf: DeadLetterSink, @unchecked Sendable {
    // One thread drives the simulation.
    private let database: SimulatedDatabase
    private var waiting: [(letter: DeadLetter, control: PipelineControl)] = []

    init(_ database: SimulatedDatabase) { self.database = database }

    func submit(_ letter: DeadLetter, resultTo control: PipelineControl) { waiting.append((letter, control)) }

    func acknowledge(_ count: Int) {
        for (letter, control) in waiting.prefix(count) {
            database.shelved.insert(letter.contents.value ?? [])
            control.post(DeadLetterResult(ticket: letter.ticket, outcome: .written))
        }
        waiting.removeFirst(min(count, waiting.count))
    }
}
