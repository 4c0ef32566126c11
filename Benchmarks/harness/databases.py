"""Where rows go: databases that are made fresh, copied and counted, alike for SQLite and for a PostgreSQL of our own."""

import glob
import os
import pwd
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
import uuid

from .children import Child, Failure, wait_until
from .servers import free_ports

# What a persister has committed of each partition; the table is part of what klinecast promises to its readers.
POSITIONS = "select topic, next_offset from consumer_offsets where next_offset > 0"
SUM_OF_POSITIONS = "select coalesce(sum(next_offset), 0) from consumer_offsets where next_offset > 0"


class Database:
    """One database with the state folder of the persister that writes it."""

    def __init__(self, folder, template=None):
        self.state = os.path.join(folder, f"state-{uuid.uuid4().hex[:8]}")
        if template:  # with the identity of the group's member, so that no earlier one is waited for
            shutil.copytree(template.state, self.state)
        else:
            os.mkdir(self.state)

    def committed(self):
        """Records behind the rows that stand here: the sum of all positions."""
        return int((self.query(SUM_OF_POSITIONS) or [["0"]])[0][0])

    def remove(self):
        self.close()
        shutil.rmtree(self.state, ignore_errors=True)


class SqliteDatabase(Database):
    """A file in the state folder, read beside its writer; in WAL mode neither waits for the other."""

    def __init__(self, folder, template=None):
        super().__init__(folder, template)
        self.path = os.path.join(self.state, "klinecast.db")
        self.url = "sqlite:klinecast.db"
        self._connection = None

    def query(self, sql):
        """Rows as lists; none while the file or its tables are not there yet."""
        if not self._connection:
            if not os.path.exists(self.path):
                return []
            # Without a transaction of our own, so that nothing of the log is held back.
            self._connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, isolation_level=None)
        try:
            return [list(row) for row in self._connection.execute(sql).fetchall()]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "locked" in str(error):
                return []
            raise Failure(f"{self.path}: {error}") from error

    @staticmethod
    def milliseconds(column):
        return column

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None


class SqliteStore:
    """Makes SQLite databases."""

    name = "SQLite"

    def __init__(self, folder):
        self._folder = folder

    def fresh(self):
        return SqliteDatabase(self._folder)

    def copy(self, database):
        database.close()
        return SqliteDatabase(self._folder, database)

    def close(self):
        pass


class PostgresDatabase(Database):
    """A database of the server below, asked through a psql that stays connected."""

    def __init__(self, server, folder, template=None):
        super().__init__(folder, template)
        self._server = server
        self._psql = None
        self.name = f"bench_{uuid.uuid4().hex[:8]}"
        server.run(f"create database {self.name} template {template.name if template else 'template0'}")
        # So that no contender pays for what was written before it.
        server.run("checkpoint")
        self.url = server.url(self.name)
        self.jdbc_url, self.jdbc_environment = server.jdbc_url(self.name), server.environment

    def query(self, sql):
        """Rows as lists of texts; none while the tables are not there yet."""
        if not self._psql:
            self._psql = self._server.psql(self.name)
        end = "end-of-rows"
        self._psql.stdin.write(f"{sql};\n\\echo {end}\n")
        self._psql.stdin.flush()
        rows = []
        while (line := self._psql.stdout.readline()) and line.strip() != end:
            rows.append(line.rstrip("\n").split("|"))
        if not line:
            raise Failure("psql: the connection was lost")
        return rows

    @staticmethod
    def milliseconds(column):
        return f"extract(epoch from {column}) * 1000"

    def close(self):
        if self._psql:
            self._psql.stdin.close()
            self._psql.stdout.close()
            self._psql.wait()
            self._psql = None

    def remove(self):
        super().remove()
        self._server.run(f"drop database if exists {self.name} with (force)")


class PostgresServer:
    """A server of our own with the distribution's defaults, fsync on; under another user where we are root."""

    name = "PostgreSQL"

    def __init__(self, folder):
        programs = _postgres_programs()
        if not programs:
            raise Failure("PostgreSQL's server (initdb, postgres) was not found: install the package postgresql")
        self._folder = folder
        self._port = free_ports(1)[0]
        self._password = secrets.token_hex(16)
        self.environment = dict(os.environ, PGPASSWORD=self._password, LC_ALL="C.UTF-8", TZ="UTC")
        self._user = _other_user()
        # Not below the run's own folder, which no other user can enter.
        self._data = tempfile.mkdtemp(prefix="klinecast-bench-postgres-")
        self._server = None
        try:
            self._start(programs)
        except BaseException:
            self.close()
            raise

    def _start(self, programs):
        word = os.path.join(self._data, "password")
        with open(word, "w", encoding="utf-8") as file:
            file.write(self._password)
        if self._user:
            for path in (self._data, word):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        cluster = os.path.join(self._data, "cluster")
        command = [
            os.path.join(programs, "initdb"), "-D", cluster, "-U", "bench", "--pwfile", word, "-A", "scram-sha-256",
            "-E", "UTF8", "--locale", "C.UTF-8",
        ]
        Child("initdb", command, self._folder, self.environment, self._data, user=self._user).wait(120, "initdb")
        command = [
            os.path.join(programs, "postgres"), "-D", cluster, "-p", str(self._port), "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "max_wal_size=4GB",
        ]
        self._server = Child("postgres", command, self._folder, self.environment, self._data, user=self._user)
        wait_until(self._answers, 60, "PostgreSQL answering", self._server)

    def _answers(self):
        return self._psql_once("select 1").returncode == 0

    def _psql_command(self, database):
        return [
            "psql", "-h", "127.0.0.1", "-p", str(self._port), "-U", "bench", "-d", database, "-X", "-A", "-t", "-q",
            "-v", "ON_ERROR_STOP=0",
        ]

    def _psql_once(self, sql):
        command = [*self._psql_command("postgres"), "-c", sql]
        return subprocess.run(
            command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            check=False)

    def psql(self, database):
        """A connected psql that reads from a pipe and ends with it."""
        return subprocess.Popen(
            self._psql_command(database), env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)

    def run(self, sql):
        done = self._psql_once(sql)
        if done.returncode != 0:
            raise Failure(f"PostgreSQL: {sql}: {done.stderr.strip()}")
        return done.stdout.strip()

    def version(self):
        return self.run("show server_version").split()[0]

    def url(self, database):
        return f"postgresql://bench:{self._password}@127.0.0.1:{self._port}/{database}"

    def jdbc_url(self, database):
        return f"jdbc:postgresql://127.0.0.1:{self._port}/{database}?reWriteBatchedInserts=true"

    def fresh(self):
        return PostgresDatabase(self, self._folder)

    def copy(self, database):
        database.close()
        return PostgresDatabase(self, self._folder, database)

    def close(self):
        if self._server:
            self._server.interrupt(grace=20)  # a fast shutdown; SIGTERM would wait for clients
            self._server = None
        shutil.rmtree(self._data, ignore_errors=True)


def _postgres_programs():
    """The folder of initdb and postgres, which distributions keep out of PATH."""
    found = shutil.which("initdb")
    folders = [os.path.dirname(os.path.realpath(found))] if found else []
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]), reverse=True)
    for folder in folders:
        if all(os.access(os.path.join(folder, each), os.X_OK) for each in ("initdb", "postgres")):
            return folder
    return None


def _other_user():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Failure("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
