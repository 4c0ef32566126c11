"""One measurement each: all contenders are observed from outside, by the same means."""

import contextlib
import json
import re
import time
from dataclasses import dataclass, field

from .children import Child, Failure, run_tool, wait_until

POLL_SECONDS = 0.01
SETTLE_SECONDS = 0.3
OVERLOADED_MILLISECONDS = 100
BURST = 10  # live messages a topic gets at once: at 10,000 a second, one burst a millisecond


@dataclass
class Drain:
    """A backlog taken to Redis, from the first PUBLISH seen to the last."""

    messages_per_second: float
    cpu_microseconds: float
    peak_megabytes: float
    notes: list = field(default_factory=list)
    told: dict = field(default_factory=dict)


def drain(contender, folder, kafka, redis, prefix, topics, expected, available, limit):
    """`available` messages lie in the topics, of which `expected` must be published.

    Redis counts its PUBLISH commands; we ask every 10 ms. Time and CPU run from the first answer that is not 0 to the
    first that is complete, and only what was published between the two counts, so joining the group is not in it.
    """
    redis.reset()
    child = contender.start(folder, kafka, redis, prefix, topics, available)
    try:
        first = None
        deadline = time.monotonic() + limit
        while True:
            published, now = redis.published(), time.monotonic()
            if published and not first:
                first = (published, now, child.cpu_seconds())
            if published >= expected:
                break
            child.expect_running()
            if now > deadline:
                raise Failure(f"{contender.name} delivered {published} of {expected} in {limit:.0f} s:\n{child.log_tail()}")
            time.sleep(POLL_SECONDS)
        cpu = child.cpu_seconds()
        count = expected - first[0]
        if count < expected / 2:
            raise Failure(f"{contender.name}: too fast to measure: {first[0]} of {expected} were done at the first look")
        time.sleep(SETTLE_SECONDS)
        notes = []
        if redis.published() != expected:
            notes.append(f"{contender.name}: {redis.published() - expected} PUBLISHes more than messages")
        _, peak = child.memory_megabytes()
        told = {}
        if hasattr(contender, "live_check"):
            told, more = contender.live_check(expected)
            notes += more
        notes += end(contender, child)
        if not told:
            told, more = contender.cross_check(child, available)
            notes += more
        return Drain(count / (now - first[1]), (cpu - first[2]) * 1e6 / count, peak, notes, told)
    finally:
        child.stop(grace=0)


def end(contender, child):
    """Stops the contender; a note where it had to be killed."""
    return [] if child.stop(grace=10) else [f"{contender.name}: did not end within 10 s of SIGTERM, killed"]


def redis_benchmark(folder, redis, payload_bytes, messages, limit):
    """redis-benchmark: one connection, 256 PUBLISHes in flight, payloads of the mean size. Messages a second."""
    redis.reset()
    command = [
        "redis-benchmark", "-p", str(redis.port), "-c", "1", "-P", "256", "-n", str(messages), "--csv",
        "PUBLISH", "roottrading:market:data:s0000usdt:1m", "x" * round(payload_bytes),
    ]
    output = run_tool("redis-benchmark", command, folder, limit)
    if redis.published() < messages:
        raise Failure(f"redis-benchmark did {redis.published()} of {messages} PUBLISHes")
    rate = re.search(r'","([0-9.]+)"', output.strip().splitlines()[-1])
    if not rate:
        raise Failure(f"redis-benchmark said: {output[-300:]}")
    return float(rate[1])


@dataclass
class Latency:
    p50: float
    p90: float
    p99: float
    p999: float
    resident_megabytes: float
    peak_megabytes: float
    cpu_microseconds: float
    notes: list = field(default_factory=list)
    told: dict = field(default_factory=dict)


def latency(contender, folder, kafka, redis, tools, topics, rate, seconds, skip_seconds, limit, during=None):
    """Live traffic through the contender to one subscriber, after it has shown that it reads every topic.

    `during` makes what surrounds the traffic: a context of (contender, live messages), whose value is a list of notes.
    """
    kafka.tool("purge", "--topics", topics)
    redis.reset()
    child = contender.start(folder, kafka, redis, "s", topics)
    subscriber = None
    try:
        kafka.tool("backlog", "--topics", topics, "--messages", topics)
        wait_until(lambda: redis.published() >= topics, limit, f"{contender.name} reading every topic", child)
        expected = int(rate * (seconds + skip_seconds))
        command = [
            tools.path("subscriber"), "--redis-port", str(redis.port), "--topics", str(topics),
            "--expect", str(expected), "--skip-seconds", str(skip_seconds),
        ]
        subscriber = Child("subscriber", command, folder)
        wait_until(lambda: "ready" in subscriber.output(), 10, "the subscription", subscriber)
        around = during(contender, expected) if during else contextlib.nullcontext([])
        with around as notes:
            cpu = child.cpu_seconds()
            produced = kafka.tool(
                "live", "--topics", topics, "--rate", rate, "--burst", BURST, "--seconds", seconds + skip_seconds,
                seconds=seconds + 60)
            resident, peak = child.memory_megabytes()
            cpu = child.cpu_seconds() - cpu
            subscriber.wait(limit, f"{contender.name} at {rate} msg/s")
        told = json.loads(subscriber.output().splitlines()[-1])
        if told["received"] != expected or told["gaps"]:
            raise Failure(
                f"{contender.name} delivered {told['received']} of {expected} live messages, {told['gaps']} missing:\n"
                f"{child.log_tail()}")
        notes = notes + end(contender, child)
        if told["repeats"]:
            notes.append(f"{contender.name}: {told['repeats']} live messages came twice or late")
        if told["p50_milliseconds"] > OVERLOADED_MILLISECONDS:
            notes.append(f"{contender.name}: half of the messages took longer than {OVERLOADED_MILLISECONDS} ms: the machine "
                         f"does not keep up with {rate} msg/s, and the latency rows say nothing")
        if produced["longest_delay_milliseconds"] > 100:
            notes.append(f"the producer itself was late by {produced['longest_delay_milliseconds']:.0f} ms once")
        return Latency(
            *(told[f"p{p}_milliseconds"] for p in ("50", "90", "99", "999")),
            resident, peak, cpu * 1e6 / expected, notes, told | {"producer": produced})
    finally:
        child.stop(grace=0)
        if subscriber:
            subscriber.stop(grace=0)


@dataclass
class Idle:
    core_percent: float
    wake_ups: float  # a second, all threads
    busiest_thread: str
    busiest_wake_ups: float
    notes: list = field(default_factory=list)


def idle(contender, folder, kafka, redis, topics, messages, seconds, settle_seconds, limit):
    """After a drained backlog, with nothing to do: CPU, and how often its threads go to sleep again."""
    redis.reset()
    child = contender.start(folder, kafka, redis, "s", topics)
    try:
        wait_until(lambda: redis.published() >= messages, limit, f"{contender.name} reading the backlog", child)
        found = resting(child, seconds, settle_seconds)
        found.notes += end(contender, child)
        return found
    finally:
        child.stop(grace=0)


def resting(child, seconds, settle_seconds):
    """What a process that has nothing to do takes, once it has settled."""
    time.sleep(settle_seconds)
    started, cpu, before = time.monotonic(), child.cpu_seconds(), child.wake_ups()
    time.sleep(seconds)
    child.expect_running()
    after, cpu = child.wake_ups(), child.cpu_seconds() - cpu
    elapsed = time.monotonic() - started
    rates = {
        (thread, name): (count - before.get(thread, (name, 0))[1]) / elapsed for thread, (name, count) in after.items()
    }
    busiest = max(rates, key=rates.get)
    return Idle(100 * cpu / elapsed, sum(rates.values()), busiest[1], rates[busiest])
