"""The groups of rows about the database: which backlog, which contenders in which order, which goals."""

import functools

from . import measurements, persister, report
from .children import Failure
from .contenders import Klinecast
from .databases import PostgresServer, SqliteStore
from .groups import LIVE_TOPICS, SKIPPED_SECONDS, in_turn, unusable_rounds
from .persister import BATCH_ROWS, JvmUpsert, Persister, PlainUpsert

FULL = ("--full",)
FEED_SYMBOLS, FEED_UPDATES = 5, 60
LIGHT_SYMBOLS, LIGHT_RATE = 50, 1_000
COMMIT_MILLISECONDS = 150


class Store:
    """One kind of database in this run: its yardstick, and klinecast with a yardstick's batches and with its own."""

    def __init__(self, bench, databases, yardstick, yardstick_name, problem=None):
        self.databases = databases
        self.yardstick, self.yardstick_name, self.problem = yardstick, yardstick_name, problem
        self.alike = self.defaults = None
        if not bench.options.without_klinecast:
            binary = bench.options.klinecast
            settings = {"DATABASE_BATCH_ROWS": str(BATCH_ROWS)}
            self.alike = Persister(binary, f"{databases.name}, {BATCH_ROWS:,} rows a transaction", settings)
            self.defaults = Persister(binary, f"{databases.name}, defaults")

    @property
    def contenders(self):
        return [each for each in (self.yardstick, self.alike, self.defaults) if each]


class Pass:
    """One edition of the same candles, written by each contender in turn, on databases that hold the edition before."""

    def __init__(self, bench, store, kafka, symbols, edition, templates):
        self._bench, self._store, self._kafka = bench, store, kafka
        self._symbols, self._edition, self._templates = symbols, edition, templates
        self._expected = persister.expected_table(symbols, bench.options.candles, edition)
        self.group = f"{store.databases.name}, {symbols:,} symbols, {'changed' if edition else 'new'} rows"

    def _database(self, contender):
        if not self._edition:
            return self._store.databases.fresh()
        return self._store.databases.copy(self._templates[self._kind(contender)])

    def _kind(self, contender):
        """What klinecast wrote, any of its contenders can go on with."""
        return "yardstick" if contender is self._store.yardstick else "klinecast"

    def _keep(self, contender, database):
        """The last database of the new rows is what the changed ones begin with."""
        kind = self._kind(contender)
        if self._edition:
            database.remove()
            return
        if kind in self._templates:
            self._templates[kind].remove()
        database.close()
        self._templates[kind] = database

    def write(self, contender, turn):
        o, folder = self._bench.options, self._bench.folder
        database = self._database(contender)
        try:
            if contender is self._store.yardstick:
                result = contender.write(folder, database, self._symbols, o.candles, self._edition, o.time_limit)
            else:
                result = persister.drain(
                    contender, folder, self._kafka, database, self._edition * o.candles, o.candles, o.time_limit)
            persister.check(database, self._expected, contender.name)
        except BaseException:
            database.remove()
            raise
        self._keep(contender, database)
        self._bench.say(
            f"{self.group} {turn}: {contender.name}: {report.rows_per_second(result.rows_per_second)}, "
            f"{report.microseconds(result.cpu_microseconds)} CPU a row, {report.megabytes(result.peak_megabytes)}")
        self._bench.record(self.group, turn, contender.name, result)
        return result

    def rounds(self):
        """contender → its results; one that fails is out, the others go on."""
        results = {contender: [] for contender in self._store.contenders}
        if self._store.alike and not self._edition:
            self._bench.say(f"{self.group}: one run to warm the broker, not counted")
            self._attempt(results, self._store.alike, "warm-up")
        for turn in range(1, self._bench.options.rounds + 1):
            for contender in in_turn(dict(results), turn):
                found = self._attempt(results, contender, turn)
                if found:
                    results[contender].append(found)
        return results

    def _attempt(self, results, contender, turn):
        try:
            if self._edition and self._kind(contender) not in self._templates:
                raise Failure("there are no new rows to change")
            return self.write(contender, turn)
        except Failure as failure:
            self._bench.fail(f"{self.group}: {contender.name}", str(failure))
            del results[contender]
            return None


def _speed(results):
    return [result.rows_per_second for result in results]


def _cpu(results):
    return [result.cpu_microseconds for result in results]


def _rows_of(bench, store, results, what, at_least, cpu_at_most):
    """The rows of one pass in the table."""
    name, yard, rows = store.yardstick_name, results.get(store.yardstick), bench.rows
    for contender, label, goal in (
        (store.alike, f"{BATCH_ROWS:,} rows a transaction", at_least), (store.defaults, "defaults", None),
    ):
        ours = results.get(contender)
        if not ours:
            continue
        title = f"{what}, {label}"
        if yard:
            rows.append(report.compared(
                title, _speed(yard), _speed(ours), report.rows_per_second, at_least=goal, yardstick_name=name))
        else:
            reason = store.problem or "the yardstick failed"
            rows.append(report.without_yardstick(title, reason, _speed(ours), report.rows_per_second))
        rows.append(report.limited(
            "– its CPU a row, decoding included", _cpu(yard) if yard else None, _cpu(ours), report.microseconds,
            at_most=cpu_at_most, yardstick_name=name))
        rows.append(report.limited(
            "– the most ever resident", None, [each.peak_megabytes for each in ours], report.megabytes))
    if not store.alike and yard:
        rows.append(report.yardstick_only(what, name, _speed(yard), report.rows_per_second))
        rows.append(report.yardstick_only("– its CPU a row", name, _cpu(yard), report.microseconds))


def _speeds(bench, store, symbols, new_goal, changed_goal, cpu_at_most):
    """New rows, then the same candles with other values and a later event time."""
    o = bench.options
    kafka = bench.new_kafka("-Xms2g -Xmx2g") if store.alike else None
    templates = {}
    try:
        for edition, goal in ((0, new_goal), (1, changed_goal)):
            if kafka:
                more = (*FULL, "--edition", edition)
                if not edition:
                    payload = kafka.fill(symbols, o.candles, more=more)["mean_payload_bytes"]
                    bench.notes.append(f"Candles of {payload:.0f} bytes on average, {o.candles:,} a backlog of a database.")
                else:
                    kafka.append(symbols, o.candles, 2 * o.candles, more=more)
            step = Pass(bench, store, kafka, symbols, edition, templates)
            _rows_of(bench, store, step.rounds(), f"persister, {step.group}", goal, cpu_at_most)
    finally:
        for template in templates.values():
            template.remove()


def _one(bench, group, turn, contender, kafka, store, records, expected, symbols=None):
    """A backlog of new rows to a fresh database."""
    database = store.databases.fresh()
    try:
        result = persister.drain(
            contender, bench.folder, kafka, database, 0, records, bench.options.time_limit, symbols)
        persister.check(database, expected, contender.name)
        letters = database.query("select count(*) from dead_letters")[0][0]
    finally:
        database.remove()
    bench.say(
        f"{group} {turn}: {report.rows_per_second(result.rows_per_second)} taken, "
        f"{report.microseconds(result.cpu_microseconds)} CPU each, {report.megabytes(result.peak_megabytes)}")
    bench.record(group, turn, contender.name, result)
    return result, int(letters)


def _unusable(bench, store):
    """One message in 100 is not JSON: klinecast against itself on clean messages, each in turn.

    The backlog is three times as long as elsewhere, where a run takes two seconds: letters wait up to 0.3 s for each other.
    """
    o, symbols, every = bench.options, 50, 100
    candles = 3 * o.candles
    kafka = bench.new_kafka("-Xms2g -Xmx2g")
    kinds = {"clean": 0, "mixed": every}
    names = {kind: [f"{kind.upper()}{index:04}USDT" for index in range(symbols)] for kind in kinds}
    tables = {kind: persister.expected_table(symbols, candles, poison_every=poison) for kind, poison in kinds.items()}
    for kind, poison in kinds.items():
        kafka.fill(symbols, candles, prefix=kind, poison_every=poison, more=FULL)
    found = {kind: [] for kind in kinds}
    warm, rounds = unusable_rounds(o)
    for turn in range(1 - warm, rounds + 1):
        for kind in in_turn(found, turn):
            result, letters = _one(
                bench, f"{store.databases.name}, {kind}", turn, store.defaults, kafka, store, candles, tables[kind],
                names[kind])
            bad = candles - tables[kind][0]
            if letters != bad:
                bench.notes.append(f"{letters} dead letters stand in the table for {bad} unusable messages")
            if turn > 0:
                found[kind].append(result)
    what = f"persister, {store.databases.name}, {symbols} symbols, defaults, 1 message in 100 is not JSON"
    bench.rows.append(report.compared(
        what, _speed(found["clean"]), _speed(found["mixed"]), report.rows_per_second, at_least=0.95,
        yardstick_name="itself, clean"))
    bench.rows.append(report.compared(
        "– its CPU a message", _cpu(found["clean"]), _cpu(found["mixed"]), report.microseconds,
        yardstick_name="itself, clean"))


def _feed(bench, store, at_least):
    """Open candles, each updated many times before it closes: what coalescing is for."""
    o = bench.options
    kafka = bench.new_kafka()
    kafka.fill(FEED_SYMBOLS, o.updates, more=(*FULL, "--updates", FEED_UPDATES))
    expected = persister.expected_table(FEED_SYMBOLS, o.updates, updates=FEED_UPDATES)
    group = f"{store.databases.name}, live feed"
    found = []
    for turn in range(o.rounds + 1):  # round 0 warms the broker
        result, _ = _one(bench, group, turn, store.defaults, kafka, store, o.updates, expected)
        if turn:
            found.append(result)
    bench.rows.append(report.reached(
        f"persister, {store.databases.name}, {FEED_SYMBOLS} symbols, each candle updated {FEED_UPDATES} times, defaults",
        _speed(found), report.updates_per_second, at_least=at_least))
    bench.rows.append(report.limited("– its CPU an update", None, _cpu(found), report.microseconds))
    bench.rows.append(report.limited(
        "– the most ever resident", None, [each.peak_megabytes for each in found], report.megabytes))


def _light(bench, store):
    """Light traffic and rest: how soon a row is committed, and what waiting costs."""
    o = bench.options
    kafka = bench.new_kafka()
    database = store.databases.fresh()
    try:
        found = persister.live(
            store.defaults, bench.folder, kafka, database, LIGHT_SYMBOLS, LIGHT_RATE, o.seconds, SKIPPED_SECONDS,
            o.idle_seconds, o.time_limit)
    finally:
        database.remove()
    name = store.databases.name
    bench.say(f"{name}, light: p50 {found.p50:.0f} ms, p99 {found.p99:.0f} ms; idle {report.percent(found.rest.core_percent)}")
    bench.record(f"{name}, light", 1, store.defaults.name, found)
    traffic = f"Kafka → committed row, {name}, {LIGHT_RATE:,} msg/s over {LIGHT_SYMBOLS} topics, defaults"
    bench.rows.append(report.limited(f"{traffic}, p50", None, [found.p50], report.milliseconds))
    bench.rows.append(report.limited(f"{traffic}, p99", None, [found.p99], report.milliseconds, at_most=COMMIT_MILLISECONDS))
    bench.rows.append(report.limited("– its CPU a message", None, [found.cpu_microseconds], report.microseconds))
    bench.rows.append(report.limited(
        f"persister idle, {name}, CPU", None, [found.rest.core_percent], report.percent, at_most=1))
    bench.rows.append(report.limited(
        f"persister idle, {name}, wake-ups of the busiest thread ({found.rest.busiest_thread})", None,
        [found.rest.busiest_wake_ups], report.times_a_second, at_most=10))
    bench.rows.append(report.limited(
        f"persister idle, {name}, wake-ups of all threads", None, [found.rest.wake_ups], report.times_a_second))


def _attempts(bench, parts):
    """Each part by itself: one that fails costs its own rows and no other's."""
    for name, part in parts.items():
        bench.say(f"-- {name}")
        try:
            part()
        except (Failure, OSError) as failure:
            bench.fail(name, str(failure))


def sqlite(bench):
    """SQLite beside the C loop; a live feed, light traffic."""
    store = Store(bench, SqliteStore(bench.folder), PlainUpsert(bench.tools), "C loop")
    parts = {
        "SQLite, 50 symbols": lambda: _speeds(bench, store, 50, 1.0, None, 3.5),
        "SQLite, 2,000 symbols": lambda: _speeds(bench, store, 2_000, 1.5, None, 3.5),
    }
    if store.defaults:
        parts |= {
            "SQLite, live feed": lambda: _feed(bench, store, 1_000_000),
            "SQLite, light traffic": lambda: _light(bench, store),
        }
    _attempts(bench, parts)


def postgres(bench):
    """PostgreSQL beside a JVM's batched upsert; a live feed, light traffic."""
    loop, problem = JvmUpsert.make(bench.tools)
    if problem:
        bench.say(f"NO YARDSTICK for PostgreSQL: {problem}")
        bench.notes.append(f"**PostgreSQL was measured without a yardstick**: {problem}.")
    server = PostgresServer(bench.folder)
    try:
        store = Store(bench, server, loop, "JVM upsert", problem)
        parts = {
            "PostgreSQL, 50 symbols": lambda: _speeds(bench, store, 50, 3.0, 1.5, 2.0),
            "PostgreSQL, 2,000 symbols": lambda: _speeds(bench, store, 2_000, 3.0, 1.5, 2.0),
        }
        if store.defaults:
            parts |= {
                "PostgreSQL, live feed": lambda: _feed(bench, store, None),
                "PostgreSQL, light traffic": lambda: _light(bench, store),
            }
        _attempts(bench, parts)
    finally:
        server.close()


def unusable(bench):
    """Unusable messages into both databases."""
    server = PostgresServer(bench.folder)
    try:
        stores = [Store(bench, databases, None, None) for databases in (SqliteStore(bench.folder), server)]
        _attempts(bench, {
            f"{store.databases.name}, 1 in 100 unusable": lambda store=store: _unusable(bench, store)
            for store in stores if store.defaults})
    finally:
        server.close()


def isolation(bench):
    """Live traffic through the router while its own persister can't write, beside one that can and a router without."""
    o = bench.options
    if o.without_klinecast:
        bench.say("isolation: needs klinecast, left out")
        return
    alone = Klinecast(o.klinecast, "PERSIST=off", {})
    well = Klinecast(o.klinecast, "PERSIST=on", {"PERSIST": "on"})
    held = Klinecast(o.klinecast, "PERSIST=on, its database locked", {"PERSIST": "on"})
    kafka = bench.new_kafka()
    kafka.tool("create", "--topics", LIVE_TOPICS)
    during = {held: functools.partial(persister.locked_database, topics=LIVE_TOPICS, limit=o.time_limit)}
    results = {alone: [], well: [], held: []}
    for turn in range(o.rounds + 1):
        for contender in in_turn(results, turn) if turn else [alone]:  # round 0 warms the broker
            result = measurements.latency(
                contender, bench.folder, kafka, bench.redis, bench.tools, LIVE_TOPICS, o.rate, o.seconds,
                SKIPPED_SECONDS, o.time_limit, during.get(contender))
            bench.say(f"isolation {turn}: {contender.name}: p50 {result.p50:.2f} ms, p99 {result.p99:.2f} ms")
            bench.record("isolation", turn, contender.name, result)
            if turn:
                results[contender].append(result)
    traffic = f"{o.rate:,} msg/s over {LIVE_TOPICS} topics"
    for yardstick, goal in ((well, 1.5), (alone, None)):
        for share in ("p50", "p99"):
            bench.rows.append(report.compared(
                f"produce → subscriber latency, {traffic}, the persister's database locked, {share}",
                [getattr(each, share) for each in results[yardstick]], [getattr(each, share) for each in results[held]],
                report.milliseconds, at_most=goal if share == "p99" else None, yardstick_name=yardstick.name))
    bench.rows.append(report.limited(
        "– the most ever resident in those runs", [each.peak_megabytes for each in results[alone]],
        [each.peak_megabytes for each in results[held]], report.megabytes, yardstick_name="PERSIST=off"))


GROUPS = {"sqlite": sqlite, "postgres": postgres, "unusable": unusable, "isolation": isolation}
