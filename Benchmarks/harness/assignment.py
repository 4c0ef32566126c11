"""Assignments: planning, storing and reading 10,000 symbols on 100 workers."""

import http.client
import json
import os
import re
import statistics
import time

from . import report
from .children import Child, Failure, run_tool, wait_until
from .servers import free_ports

SYMBOLS, WORKERS = 10_000, 100
PLAN_MILLISECONDS, STORE_MILLISECONDS, READ_MILLISECONDS = 100, 500, 50
READS = 20


def _plan_rows(bench):
    """What PlanBench prints: a table for plans, one for storing them."""
    program = os.path.join(os.path.dirname(bench.options.klinecast), "PlanBench")
    if not os.path.exists(program):
        raise Failure(f"{program} is missing: run make bench, or swift build -c release --product PlanBench")
    goal = None
    for line in run_tool("PlanBench", [program, "times"], bench.folder, bench.options.time_limit).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("## Plans"):
            what, goal = "plan, {}: worst of 20", PLAN_MILLISECONDS
        elif line.startswith("## storing"):
            what, goal = "{}: median of 9", None
        elif re.fullmatch(r"[0-9.]+", cells[-1]) and goal:
            bench.rows.append(report.limited(
                what.format(cells[0]), None, [float(cells[-1])], report.milliseconds, at_most=goal))
        elif re.fullmatch(r"[0-9.]+", cells[-1]):
            goal_of_row = STORE_MILLISECONDS if cells[0].startswith("dispatch") else None
            bench.rows.append(report.limited(
                what.format(cells[0]), None, [float(cells[-2])], report.milliseconds, at_most=goal_of_row))


def _call(port, method, path, document=None):
    """Milliseconds until the whole answer is here, and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps(document) if document is not None else None
    begin = time.perf_counter()
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    data = response.read()
    took = (time.perf_counter() - begin) * 1e3
    connection.close()
    if response.status != 200:
        raise Failure(f"{method} {path}: {response.status}: {data[:300].decode(errors='replace')}")
    return took, data


def _answers(port):
    try:
        _call(port, "GET", "/ws/workers")
        return True
    except (OSError, Failure):
        return False


def _read_rows(bench):
    """GET /ws/assignments of the real gateway: again and again, and as the first one after a change.

    Nobody stands behind the workers' addresses: what they could not be told is pending, which costs the reads nothing.
    """
    gateway_port, redis_port, *worker_ports = free_ports(2 + WORKERS)
    redis = Child(
        "redis-assignments", ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", ""], bench.folder)
    environment = os.environ | {
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}", "GATEWAY_ADDR": f"127.0.0.1:{gateway_port}",
        "WS_WORKERS": ",".join(f"127.0.0.1:{port}" for port in worker_ports), "LOG_LEVEL": "error",
        "STATE_DIR": os.path.join(bench.folder, "gateway")}
    gateway = Child("gateway", [bench.options.klinecast, "gateway"], bench.folder, environment)
    try:
        wait_until(lambda: _answers(gateway_port), 20, "the gateway answering", gateway)
        symbols = [f"S{number}USDT" for number in range(SYMBOLS)]
        _call(gateway_port, "POST", "/ws/dispatch", {"symbols": symbols, "strategy": "least", "capacity": SYMBOLS, "live": True})
        _, body = _call(gateway_port, "GET", "/ws/assignments")
        if len(json.loads(body)["assignments"]) != SYMBOLS:
            raise Failure("not all symbols are assigned")
        again = [_call(gateway_port, "GET", "/ws/assignments")[0] for _ in range(READS)]
        first = []
        for number in range(READS):
            _call(gateway_port, "POST", "/ws/workers", {"name": "spare", "address": f"127.0.0.1:{1 + number}"})
            first.append(_call(gateway_port, "GET", "/ws/assignments")[0])
        _, peak = gateway.memory_megabytes()
        what = f"GET /ws/assignments, {SYMBOLS:,} symbols, {len(body) / 1e6:.1f} MB"
        for name, times in (("nothing changed", again), ("the first after a change", first)):
            bench.say(f"assignment: {name}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")
            bench.rows.append(report.limited(
                f"{what}, {name}: median of {READS}", None, [statistics.median(times)], report.milliseconds,
                at_most=READ_MILLISECONDS))
        bench.rows.append(report.limited("– the gateway's most ever resident", None, [peak], report.megabytes))
    finally:
        gateway.stop(grace=5)
        redis.stop(grace=0)


def assignment(bench):
    if bench.options.without_klinecast:
        bench.say("assignment: needs klinecast, left out")
        return
    for name, part in (("plans", _plan_rows), ("reads", _read_rows)):
        try:
            part(bench)
        except (Failure, OSError) as failure:
            bench.fail(f"assignment, {name}", str(failure))


GROUPS = {"assignment": assignment}
