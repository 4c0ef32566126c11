"""The groups of rows: which backlog, which contenders in which order, which goals."""

import sys

from . import measurements, report
from .children import Failure
from .contenders import Bare, Jvm, Klinecast
from .servers import Kafka, Redis

PLAIN = {"ENVELOPE": "none", "SINKS": "publish"}
LIVE_TOPICS = 100
SKIPPED_SECONDS = 3


class Bench:
    """The run: what is shared by the groups, and what they have found."""

    def __init__(self, options, tools, folder):
        self.options = options
        self.tools = tools
        self.folder = folder
        self.rows, self.notes, self.raw, self.failures = [], [], [], []
        self._redis = None
        self._kafka = None
        self.bare = Bare(tools)
        self.plain = self.defaults = None
        if not options.without_klinecast:
            self.plain = Klinecast(options.klinecast, "no envelope, publish only", PLAIN)
            self.defaults = Klinecast(options.klinecast, "defaults", {})

    @staticmethod
    def say(text):
        print(text, file=sys.stderr, flush=True)

    @property
    def redis(self):
        if not self._redis:
            self._redis = Redis(self.folder)
        return self._redis

    def new_kafka(self, heap="-Xms1g -Xmx1g"):
        """An empty broker; the one before is ended first, so that two never share the machine."""
        if self._kafka:
            self._kafka.stop()
            self._kafka = None
        self._kafka = Kafka(self.tools.kafka_home, self.folder, self.tools, heap)
        return self._kafka

    def close(self):
        if self._kafka:
            self._kafka.stop()
        if self._redis:
            self._redis.stop()

    def record(self, group, turn, contender, result):
        self.raw.append({"group": group, "round": turn, "contender": contender, "result": result})
        self.notes += result.notes

    def fail(self, what, reason):
        self.say(f"row {what}: {reason}")
        self.failures.append(what)
        self.rows.append(report.failed(what, reason))

    def drain(self, group, turn, contender, kafka, topics, prefix="s", expected=None):
        available = self.options.messages
        result = measurements.drain(
            contender, self.folder, kafka, self.redis, prefix, topics, expected or available, available,
            self.options.time_limit)
        self.say(
            f"{group} {turn}: {contender.name}: {report.per_second(result.messages_per_second)}, "
            f"{report.microseconds(result.cpu_microseconds)} CPU a message, {report.megabytes(result.peak_megabytes)}")
        self.record(group, turn, contender.name, result)
        return result

    def rounds(self, group, contenders, kafka, topics, besides=None):
        """contender → its results, one a round, interleaved. A contender that fails is out, the others go on.

        Every other round runs backwards, so that a machine that slows down does not always meet the same one last.
        `besides` is run once a round.
        """
        self.say(f"{group}: one run to warm the broker, not counted")
        self.drain(group, "warm-up", self.bare, kafka, topics)
        results = {contender: [] for contender in contenders}
        for turn in range(1, self.options.rounds + 1):
            for contender in in_turn(results, turn):
                try:
                    results[contender].append(self.drain(group, turn, contender, kafka, topics))
                except Failure as failure:
                    if contender is self.bare:  # without the yardstick the round is worth nothing: once more, and said
                        self.notes.append(f"{group}, round {turn}: repeated: {str(failure).splitlines()[0]}")
                        results[contender].append(self.drain(group, turn, contender, kafka, topics))
                        continue
                    self.fail(f"{group}: {contender.name}", str(failure))
                    del results[contender]
            if besides:
                besides(turn)
        return results


def in_turn(results, turn):
    return list(results) if turn % 2 else list(reversed(results))


def unusable_rounds(options):
    """How many rounds with and without unusable messages warm the broker, and how many count.

    The first dead letters have the broker compile how it takes records, 0.4 to 0.7 s of CPU beside the first two rounds; and
    a few per cent, which is what this looks for, lie within the noise of three rounds.
    """
    return (1, options.rounds) if options.quick else (3, 3 * options.rounds)


def _speed(results):
    return [result.messages_per_second for result in results]


def _cpu(results):
    return [result.cpu_microseconds for result in results]


def backlog(bench):
    """10 topics: the loop, klinecast in two settings, redis-benchmark and the JVM, in turn; memory and idling besides."""
    o, topics = bench.options, 10
    kafka = bench.new_kafka()
    payload = kafka.fill(topics, o.messages)["mean_payload_bytes"]
    bench.notes.append(f"Messages of {payload:.0f} bytes on average, {o.messages:,} a backlog.")
    contenders = [each for each in (bench.bare, bench.plain, bench.defaults) if each]
    problem = bench.tools.build_java()
    jvm = None if problem else Jvm(bench.tools)
    if problem:
        bench.say(f"SKIPPED: the JVM loop: {problem}")
        bench.notes.append(f"The JVM loop was skipped: {problem}.")
    else:
        contenders.append(jvm)
    pipelined = []

    def run_redis_benchmark(turn):
        pipelined.append(
            measurements.redis_benchmark(bench.folder, bench.redis, payload, o.messages, o.time_limit))
        bench.say(f"10 topics {turn}: redis-benchmark, 256 in flight: {report.per_second(pipelined[-1])}")
        bench.raw.append({"group": "10 topics", "round": turn, "contender": "redis-benchmark", "result": pipelined[-1]})

    results = bench.rounds("10 topics", contenders, kafka, topics, besides=run_redis_benchmark)
    bare = results[bench.bare]
    rows = bench.rows
    if bench.plain in results:
        plain = results[bench.plain]
        what = "backlog, 10 topics, `ENVELOPE=none SINKS=publish`"
        rows.append(report.compared(what, _speed(bare), _speed(plain), report.per_second, at_least=1.1))
        rows.append(report.compared("– its CPU a message", _cpu(bare), _cpu(plain), report.microseconds, at_most=1.1))
        rows.append(report.compared(
            "– against redis-benchmark, 256 in flight", pipelined, _speed(plain), report.per_second, at_least=0.9,
            yardstick_name="redis-benchmark"))
        if jvm in results:
            loop = results[jvm]
            name = "JVM loop"
            rows.append(report.compared(
                "– against a JVM loop, KafkaConsumer and hand-written RESP", _speed(loop), _speed(plain),
                report.per_second, yardstick_name=name))
            rows.append(report.compared(
                "– its CPU a message", _cpu(loop), _cpu(plain), report.microseconds, yardstick_name=name))
    if bench.defaults in results:
        defaults = results[bench.defaults]
        rows.append(report.compared(
            "backlog, 10 topics, defaults (envelope, last)", _speed(bare), _speed(defaults), report.per_second,
            at_least=0.8))
        rows.append(report.compared(
            "– its CPU a message", _cpu(bare), _cpu(defaults), report.microseconds, at_most=1.8))
    for contender, label in ((bench.plain, "`ENVELOPE=none SINKS=publish`"), (bench.defaults, "defaults")):
        if contender in results:
            rows.append(report.limited(
                f"memory while draining {o.messages:,} messages, {label}",
                [result.peak_megabytes for result in bare],
                [result.peak_megabytes for result in results[contender]], report.megabytes, at_most=80))
    if not bench.plain:
        rows.append(report.yardstick_only("backlog, 10 topics", "bare", _speed(bare), report.per_second))
        rows.append(report.yardstick_only("– its CPU a message", "bare", _cpu(bare), report.microseconds))
        rows.append(report.yardstick_only("PUBLISH, 256 in flight", "redis-benchmark", pipelined, report.per_second))
        if jvm in results:
            rows.append(report.yardstick_only("backlog, 10 topics", "JVM loop", _speed(results[jvm]), report.per_second))


def many(bench):
    """Thousands of topics: each fetch request lists them all, which is what costs."""
    o = bench.options
    kafka = bench.new_kafka(heap="-Xms3g -Xmx3g")
    kafka.fill(o.topics, o.messages)
    contenders = [each for each in (bench.bare, bench.plain, bench.defaults) if each]
    group = f"{o.topics:,} topics"
    results = bench.rounds(group, contenders, kafka, o.topics)
    bare = results[bench.bare]
    for contender, label, goal in ((bench.plain, "`ENVELOPE=none SINKS=publish`", 0.9), (bench.defaults, "defaults", None)):
        if contender in results:
            ours = results[contender]
            bench.rows.append(report.compared(
                f"backlog, {group}, {label}", _speed(bare), _speed(ours), report.per_second, at_least=goal))
            bench.rows.append(report.compared("– its CPU a message", _cpu(bare), _cpu(ours), report.microseconds))
    if not bench.plain:
        bench.rows.append(report.yardstick_only(f"backlog, {group}", "bare", _speed(bare), report.per_second))


def latency(bench):
    """Live traffic: from the producer's hand to a subscriber's, and the memory it takes."""
    o = bench.options
    kafka = bench.new_kafka()
    kafka.tool("create", "--topics", LIVE_TOPICS)
    contenders = [each for each in (bench.bare, bench.plain, bench.defaults) if each]
    results = {contender: [] for contender in contenders}
    for turn in range(o.rounds + 1):
        for contender in in_turn(results, turn) if turn else [bench.bare]:  # round 0 warms the broker
            try:
                result = measurements.latency(
                    contender, bench.folder, kafka, bench.redis, bench.tools, LIVE_TOPICS, o.rate, o.seconds,
                    SKIPPED_SECONDS, o.time_limit)
            except Failure as failure:
                if contender is bench.bare:
                    raise
                bench.fail(f"latency: {contender.name}", str(failure))
                del results[contender]
                continue
            bench.say(
                f"latency {turn}: {contender.name}: p50 {result.p50:.2f} ms, p99 {result.p99:.2f} ms, "
                f"p99.9 {result.p999:.2f} ms, {result.resident_megabytes:.0f} MB")
            bench.record("latency", turn, contender.name, result)
            if turn:
                results[contender].append(result)
    bare = results[bench.bare]
    traffic = f"{o.rate:,} msg/s over {LIVE_TOPICS} topics"
    for contender, label in ((bench.plain, "`ENVELOPE=none SINKS=publish`"), (bench.defaults, "defaults")):
        if contender not in results:
            continue
        ours = results[contender]
        for share in ("p50", "p99"):
            bench.rows.append(report.compared(
                f"produce → subscriber latency, {traffic}, {label}, {share}", [getattr(each, share) for each in bare],
                [getattr(each, share) for each in ours], report.milliseconds, at_most=1.2))
        bench.rows.append(report.limited(
            f"memory live, {traffic}, {label}", [each.resident_megabytes for each in bare],
            [each.resident_megabytes for each in ours], report.megabytes, at_most=40))
        bench.rows.append(report.limited(
            "– the most ever resident in those runs", [each.peak_megabytes for each in bare],
            [each.peak_megabytes for each in ours], report.megabytes))
    if not bench.plain:
        for share in ("p50", "p99"):
            bench.rows.append(report.yardstick_only(
                f"produce → subscriber latency, {traffic}, {share}", "bare", [getattr(each, share) for each in bare],
                report.milliseconds))


def idle(bench):
    """Nothing to do: CPU and wake-ups."""
    o, topics, messages = bench.options, 10, 10_000
    kafka = bench.new_kafka()
    kafka.fill(topics, messages)
    found = {}
    for contender in [each for each in (bench.bare, bench.defaults) if each]:
        result = measurements.idle(
            contender, bench.folder, kafka, bench.redis, topics, messages, o.idle_seconds, 10, o.time_limit)
        bench.say(
            f"idle: {contender.name}: {report.percent(result.core_percent)}, {result.wake_ups:.1f} wake-ups a second, "
            f"most in thread {result.busiest_thread} ({result.busiest_wake_ups:.1f})")
        bench.record("idle", 1, contender.name, result)
        found[contender] = result
    bare = found[bench.bare]
    if bench.defaults in found:
        ours = found[bench.defaults]
        bench.rows.append(report.limited("idle, CPU", [bare.core_percent], [ours.core_percent], report.percent, at_most=1))
        bench.rows.append(report.limited(
            f"idle, wake-ups of the busiest thread ({ours.busiest_thread})", [bare.busiest_wake_ups],
            [ours.busiest_wake_ups], report.times_a_second, at_most=10))
        bench.rows.append(report.limited(
            "idle, wake-ups of all threads", [bare.wake_ups], [ours.wake_ups], report.times_a_second))
    else:
        bench.rows.append(report.yardstick_only("idle, CPU", "bare", [bare.core_percent], report.percent))
        bench.rows.append(report.yardstick_only(
            "idle, wake-ups of all threads", "bare", [bare.wake_ups], report.times_a_second))


def poison(bench):
    """One message in 100 is not JSON: klinecast against itself on clean messages, each in turn."""
    o, topics, every = bench.options, 10, 100
    if not bench.defaults:
        bench.say("poison: needs klinecast, left out")
        return
    kafka = bench.new_kafka()
    kafka.fill(topics, o.messages, prefix="clean")
    kafka.fill(topics, o.messages, prefix="mixed", poison_every=every)
    bad = o.messages // every
    clean, mixed = [], []
    warm, rounds = unusable_rounds(o)
    for turn in range(1 - warm, rounds + 1):
        clean.append(bench.drain("clean", turn, bench.defaults, kafka, topics, prefix="clean"))
        before = kafka.tool("count", "--symbol-prefix", "mixed")["dead_letters"]
        mixed.append(bench.drain(
            "1 in 100 poisoned", turn, bench.defaults, kafka, topics, prefix="mixed", expected=o.messages - bad))
        letters = kafka.tool("count", "--symbol-prefix", "mixed")["dead_letters"] - before
        if letters != bad:
            bench.notes.append(f"{letters} dead letters were found for {bad} poisoned messages")
    del clean[:warm], mixed[:warm]
    bench.rows.append(report.compared(
        "backlog, 10 topics, defaults, 1 message in 100 is not JSON", _speed(clean), _speed(mixed), report.per_second,
        yardstick_name="itself, clean"))
    bench.rows.append(report.compared(
        "– its CPU a message", _cpu(clean), _cpu(mixed), report.microseconds, yardstick_name="itself, clean"))


GROUPS = {"backlog": backlog, "many": many, "latency": latency, "idle": idle, "poison": poison}
