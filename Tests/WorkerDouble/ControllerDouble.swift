import Foundation
import Gateway

/// Another gateway's controller; says when it begins and ceases to act.
enum ControllerDouble {
    static func run(_ arguments: DoubleArguments) {
        guard let redis = arguments.redis else { return say("needs --redis") }
        let settings = ControllerSettings(name: arguments.name, lease: arguments.terms)
        let controller = Controller(settings) {
            RedisAssignments(redis, patience: .milliseconds(500))
        }
        controller.start()
        var acts = false
        let parent = getppid()
        while getppid() == parent {
            let status = controller.status
            if status.holdsLease != acts {
                acts = status.holdsLease
                say(acts ? "acts" : "rests")
            }
            usleep(2_000)
        }
    }
}
