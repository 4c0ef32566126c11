"""The programs that fill a database, and what is measured of them."""

import bisect
import contextlib
import glob
import http.client
import json
import os
import sqlite3
import time
import uuid
from dataclasses import dataclass, field

from .children import Child, Failure, run_tool, wait_until
from .contenders import child_environment, health
from .databases import POSITIONS
from .measurements import BURST, end, resting
from .servers import free_ports

LOOK_SECONDS = 0.02
LIVE_LOOK_SECONDS = 0.002
BATCH_ROWS = 4096  # a transaction, for a yardstick and for us where both are compared
PGJDBC = ("/usr/share/java/postgresql.jar", "/usr/share/java/postgresql-jdbc4.jar")


@dataclass
class Writing:
    """Rows taken to a database, from the end of the first commit to the end of the last."""

    rows_per_second: float
    cpu_microseconds: float
    peak_megabytes: float = 0.0
    notes: list = field(default_factory=list)
    told: dict = field(default_factory=dict)


class Persister:
    """`klinecast persister` on a database."""

    def __init__(self, binary, label, settings=None):
        self.name = f"klinecast ({label})"
        self._binary = binary
        self._settings = settings or {}
        self._port = None

    def start(self, folder, kafka, database, symbols=None):
        """`symbols` restricts it where the broker holds topics that are not meant."""
        self._port = free_ports(1)[0]
        environment = child_environment() | {
            "KAFKA_BROKER": kafka.address,
            "KAFKA_GROUP_ID": self._group(database),
            "DATABASE_URL": database.url,
            "PERSISTER_ADDR": f"127.0.0.1:{self._port}",
            "STATE_DIR": database.state,
        }
        if symbols:
            environment["SYMBOLS"] = ",".join(symbols)
        environment |= self._settings
        working = os.path.join(folder, f"empty-{uuid.uuid4().hex[:8]}")  # no configuration file is found there
        os.mkdir(working)
        return Child("klinecast", [self._binary, "persister"], folder, environment, working_folder=working)

    @staticmethod
    def _group(database):
        """A copy goes on as the group whose positions stand in it."""
        path = os.path.join(database.state, "group-of-the-run")
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"klinecast-{uuid.uuid4().hex[:12]}")
        with open(path, encoding="utf-8") as file:
            return file.read()

    def live_check(self):
        """What it says of itself while it runs; a note where it isn't well."""
        try:
            told = health(self._port)
        except (OSError, ValueError, http.client.HTTPException) as error:
            return {}, [f"{self.name}: GET /health: {error}"]
        if told.get("status") == "healthy":
            return told, []
        return told, [f"{self.name}: /health says {told.get('status')}: {told.get('reasons')}"]


class PlainUpsert:
    """The C loop on SQLite."""

    name = "the C loop"

    def __init__(self, tools):
        self._tools = tools

    def write(self, folder, database, symbols, rows, edition, limit):
        command = [
            self._tools.path("upsert"), "--database", database.path, "--symbols", symbols, "--rows", rows, "--batch",
            BATCH_ROWS, "--edition", edition,
        ]
        return _own_word(run_tool("upsert", [str(word) for word in command], folder, limit))


class JvmUpsert:
    """pgjdbc's batched upsert into PostgreSQL."""

    name = "the JVM's upsert"

    def __init__(self, tools, driver):
        self._tools = tools
        self._driver = driver

    @staticmethod
    def make(tools):
        """(the loop, why there is none)."""
        driver = next((path for path in (os.environ.get("PGJDBC", ""), *PGJDBC) if os.path.exists(path)), None)
        if not driver:
            return None, "PostgreSQL's JDBC driver was not found: install libpostgresql-jdbc-java or set PGJDBC"
        problem = tools.build_java("UpsertPostgres")
        return (None, problem) if problem else (JvmUpsert(tools, driver), None)

    def write(self, folder, database, symbols, rows, edition, limit):
        path = os.pathsep.join([self._tools.path("jvm"), self._driver])
        command = [
            "java", "-Xmx512m", "-cp", path, "UpsertPostgres", database.jdbc_url, symbols, rows, BATCH_ROWS, edition]
        child = Child("jvm-upsert", [str(word) for word in command], folder, database.jdbc_environment)
        child.wait(limit, self.name)
        return _own_word(child.output())


def _own_word(output):
    """Nothing but the program itself knows when its first commit ended."""
    told = json.loads(output)
    return Writing(told["rows_per_second"], told["cpu_microseconds_per_row"], told=told)


def expected_table(symbols, messages, edition=0, updates=1, poison_every=0):
    """(candles, sum of number_of_trades) that must stand in the table, by what produce.c writes."""
    candles = trades = 0
    for produced in range(messages):
        n = produced // symbols + 1
        if poison_every and produced % poison_every == produced // poison_every * 7 % poison_every:
            continue
        if n % updates == 0:  # the last of a candle's updates
            candles += 1
            trades += 1 + n % 5000 + edition
    return candles, trades


def check(database, expected, what):
    """The table itself is the judge: as many candles as were sent, with the values of the last edition."""
    found = database.query("select count(*), sum(number_of_trades) from market_data")
    found = tuple(int(float(value or 0)) for value in found[0]) if found else (0, 0)
    if found != expected:
        raise Failure(
            f"{what}: {found[0]} candles with {found[1]} trades stand in the table, not {expected[0]} with {expected[1]}")


def drain(contender, folder, kafka, database, before, records, limit, symbols=None):
    """The clean backlog of `records` behind `before` that were committed earlier goes to the database.

    Every 20 ms the sum of the positions is read from the database beside the writer. Time and CPU run from the first
    look that sees a commit to the first that sees the last; only the records between the two count.
    """
    child = contender.start(folder, kafka, database, symbols)
    try:
        first = None
        deadline = time.monotonic() + limit
        while True:
            done, now = database.committed() - before, time.monotonic()
            if done > 0 and not first:
                first = (done, now, child.cpu_seconds())
            if done >= records:
                break
            child.expect_running()
            if now > deadline:
                raise Failure(f"{contender.name} stored {done} of {records} in {limit:.0f} s:\n{child.log_tail()}")
            time.sleep(LOOK_SECONDS)
        cpu = child.cpu_seconds()
        count = records - first[0]
        if count < records / 2:
            raise Failure(f"{contender.name}: too fast to measure: {first[0]} of {records} stood there at the first look")
        notes = [f"{contender.name}: {done - records} records more than were sent"] if done > records else []
        _, peak = child.memory_megabytes()
        told, more = contender.live_check()
        notes += more + end(contender, child)
        return Writing(count / (now - first[1]), (cpu - first[2]) * 1e6 / count, peak, notes, told)
    finally:
        child.stop(grace=0)


@dataclass
class CommitLatency:
    p50: float
    p99: float
    cpu_microseconds: float
    peak_megabytes: float
    rest: object  # measurements.Idle
    notes: list = field(default_factory=list)


def live(contender, folder, kafka, database, symbols, rate, seconds, skip_seconds, idle_seconds, limit):
    """Light traffic, from the message's own time to the look that finds its row committed; then nothing to do.

    Every 2 ms the positions are read; afterwards the table says for each row when its message was made.
    """
    kafka.tool("create", "--topics", symbols)
    kafka.tool("backlog", "--topics", symbols, "--messages", symbols, "--full")
    child = contender.start(folder, kafka, database)
    producer = None
    try:
        wait_until(lambda: database.committed() >= symbols, limit, f"{contender.name} reading every topic", child)
        total = int(rate * (seconds + skip_seconds))
        cpu = child.cpu_seconds()
        producer = kafka.start_tool(
            "live", "--topics", symbols, "--rate", rate, "--burst", BURST, "--seconds", seconds + skip_seconds, "--full")
        looks, deadline = [], time.monotonic() + seconds + skip_seconds + limit
        while not looks or sum(looks[-1][1].values()) < symbols + total:
            positions = {topic: int(next_offset) for topic, next_offset in database.query(POSITIONS)}
            if not looks or positions != looks[-1][1]:
                looks.append((time.time() * 1e3, positions))
            if time.monotonic() > deadline:
                raise Failure(f"{contender.name} stored {sum(positions.values())} of {symbols + total} live messages")
            time.sleep(LIVE_LOOK_SECONDS)
        cpu = child.cpu_seconds() - cpu
        producer.wait(10, "the producer")
        delays = _delays(database, looks, skip_seconds)
        _, peak = child.memory_megabytes()
        rest = resting(child, idle_seconds, 10)
        notes = contender.live_check()[1] + end(contender, child)
        late = json.loads(producer.output())["longest_delay_milliseconds"]
        if late > 100:
            notes.append(f"the producer itself was late by {late:.0f} ms once")
        return CommitLatency(
            _rank(delays, 0.5), _rank(delays, 0.99), cpu * 1e6 / total, peak, rest, notes)
    finally:
        child.stop(grace=0)
        if producer:
            producer.stop(grace=0)


def _delays(database, looks, skip_seconds):
    """Milliseconds a row, in order, of those made after the first `skip_seconds`."""
    rows = database.query(
        f"select symbol, source_offset, {database.milliseconds('event_time')} from market_data where source_offset > 0")
    made = [(f"market.data.{symbol.lower()}.1m", int(offset), float(at)) for symbol, offset, at in rows]
    begin = min(at for _, _, at in made) + skip_seconds * 1e3
    times = [at for at, _ in looks]
    steps = {topic: [positions.get(topic, 0) for _, positions in looks] for topic in looks[-1][1]}
    return sorted(
        times[bisect.bisect_right(steps[topic], offset)] - at for topic, offset, at in made if at >= begin)


def _rank(values, share):
    return values[max(0, -(-len(values) * round(share * 1000) // 1000) - 1)]


@contextlib.contextmanager
def locked_database(contender, messages, topics, limit):
    """Another program holds the router's own SQLite database while live traffic runs; afterwards every row arrives."""
    path = os.path.join(contender.state, "klinecast.db")
    notes = []

    def count(sql):
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
                return reader.execute(sql).fetchone()[0]
        except sqlite3.OperationalError:
            return 0

    positions = "select count(*) from consumer_offsets where next_offset > 0"
    wait_until(lambda: count(positions) >= topics, limit, f"{contender.name} storing every topic")
    with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as writer:
        writer.execute("begin exclusive")
        before = count("select count(*) from market_data")
        yield notes
        if count("select count(*) from market_data") != before:
            notes.append(f"{contender.name}: rows were written to a database that was locked")
        writer.execute("rollback")
    wait_until(
        lambda: count("select count(*) from market_data") >= messages, limit,
        f"{contender.name} storing {messages} candles after the lock", pause=0.2)
