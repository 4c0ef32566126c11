// Stands for a worker (P1's control API), or with --controls for the controller of another gateway:
//   WorkerDouble [--name N] [--host H] [--port P] [--redis URL] [--lease MS] [--slow MS] [--fail N] [--fail-unsubscribe N] [--late MS]
//   WorkerDouble --controls --name N --redis URL [--lease MS]
// Each event is one line on standard output that begins with a moment of the machine's monotonic clock in nanoseconds.
let arguments = try DoubleArguments(CommandLine.arguments)
if arguments.controls {
    ControllerDouble.run(arguments)
} else {
    try WorkerProcess(arguments).run()
}
