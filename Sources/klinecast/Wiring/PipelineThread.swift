import Dispatch
import Foundation
import Records
import Telemetry

/// A pipeline's thread: one pipeline after the other, each with a consumer of its own, until one ends as it was asked to.
///
/// A consumer that failed for good (its membership was given to another, say) is of no use any more, but the pipeline is:
/// it begins anew with another one, from the last commit.
final class PipelineThread: Sendable {
    /// Makes a pipeline, calls `begun`, runs it and closes what it had; returns why its consumer was of no use any more.
    typealias Life = @Sendable (_ control: PipelineControl, _ begun: () -> Void) throws -> String?

    let control = PipelineControl()
    private let name: String
    private let life: Life
    private let begun = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let problem = Locked<(any Error)?>(nil)

    init(_ name: String, life: @escaping Life) {
        self.name = name
        self.life = life
    }

    /// Returns once the pipeline runs; throws what its consumer refused, a bad property for example.
    func start() throws {
        Thread.detachNewThread { [self] in
            ThreadName.set(name)
            run()
            ended.signal()
        }
        begun.wait()
        if let problem = problem.withLock({ $0 }) { throw problem }
    }

    private func run() {
        var fatal: String?
        repeat {
            do {
                fatal = try life(control) { begun.signal() }
            } catch {
                // Only the first one can be refused: the settings stay as they are.
                problem.withLock { $0 = error }
                begun.signal()
                return
            }
            if let fatal { Log.error("Pipeline begins anew", ["thread": name, "reason": fatal], per: name) }
        } while fatal != nil && !control.waitForStop(milliseconds: 1_000)
    }

    func waitForEnd() { ended.wait() }
}
