"""The programs that are compared. Each takes the same topics to the same Redis; the measuring is the same for all."""

import glob
import http.client
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
import uuid

from .children import Child, Failure
from .servers import free_ports

CHILD_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")


class Tools:
    """Our C programs and the Java loop, compiled into one folder."""

    def __init__(self, root, kafka_home):
        self._source = os.path.join(root, "Benchmarks")
        self._folder = os.path.join(root, ".build", "bench")
        self.kafka_home = kafka_home
        os.makedirs(self._folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self._folder, name)

    def build(self):
        compiler = os.environ.get("CC", "cc")
        libraries = {"upsert": ["-lsqlite3"]}
        for name in ("bare-loop", "produce", "subscriber", "upsert"):
            source = os.path.join(self._source, f"{name}.c")
            flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra"]
            _compile([
                compiler, *flags, "-o", self.path(name), source, *libraries.get(name, ["-lrdkafka", "-lpthread"])])

    def build_java(self, program="KafkaToRedis"):
        """Why a Java loop cannot be built, or None."""
        for needed in ("java", "javac"):
            if not shutil.which(needed):
                return f"{needed} was not found"
        try:
            source = os.path.join(self._source, "jvm", f"{program}.java")
            _compile(["javac", "-nowarn", "-d", self.path("jvm"), "-cp", self.class_path(), source])
        except Failure as failure:
            return str(failure)
        return None

    def class_path(self):
        # The broker's own logging back end would print each setting; without one the client is silent.
        jars = [jar for jar in sorted(glob.glob(os.path.join(self.kafka_home, "libs", "*.jar"))) if "log4j" not in jar]
        return os.pathsep.join([self.path("jvm"), *jars])


def _compile(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command[:1])}: {done.stderr.strip() or 'failed'}")


def topic_pattern(prefix):
    return rf"^market\.data\.{prefix}[0-9]+usdt\.1m$"


def child_environment():
    """What a program inherits from us: nothing that could be a setting of its own."""
    return {name: os.environ[name] for name in CHILD_ENVIRONMENT if name in os.environ}


def health(port):
    """What a klinecast process says of itself, be it well or not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


class Bare:
    name = "the bare C loop"

    def __init__(self, tools):
        self._tools = tools

    def start(self, folder, kafka, redis, prefix, topics, messages=None):
        command = [
            self._tools.path("bare-loop"), "--brokers", kafka.address, "--group", f"bare-{uuid.uuid4().hex[:12]}",
            "--topics", topic_pattern(prefix), "--redis-port", str(redis.port), "--live",
        ]
        if messages:
            command += ["--messages", str(messages)]
        return Child("bare-loop", command, folder)

    def cross_check(self, child, messages):
        """What the program says of itself, once it has been stopped; notes where it contradicts us."""
        told = json.loads(child.output() or "{}")
        count = told.get("messages")
        return told, ([] if count == messages else [f"the bare loop counted {count} messages, not {messages}"])


class Jvm:
    name = "the JVM loop (KafkaConsumer, hand-written RESP)"

    def __init__(self, tools):
        self._tools = tools

    def start(self, folder, kafka, redis, prefix, topics, messages=None):
        command = [
            "java", "-Xmx512m", "-cp", self._tools.class_path(), "KafkaToRedis", kafka.address,
            f"jvm-{uuid.uuid4().hex[:12]}", topic_pattern(prefix), str(redis.port),
        ]
        return Child("jvm", command, folder)

    def cross_check(self, child, messages):
        return {}, []


class Klinecast:
    def __init__(self, binary, label, settings):
        self.name = f"klinecast ({label})"
        self._binary = binary
        self._settings = settings
        self._port = None
        self.state = None

    def start(self, folder, kafka, redis, prefix, topics, messages=None):
        self._port = free_ports(1)[0]
        self.state = state = os.path.join(folder, f"state-{uuid.uuid4().hex[:8]}")
        os.mkdir(state)
        environment = child_environment() | {
            "KAFKA_BROKER": kafka.address,
            "KAFKA_GROUP_ID": f"klinecast-{uuid.uuid4().hex[:12]}",
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}",
            "START": "earliest",
            "PERSIST": "off",
            "ROUTER_ADDR": f"127.0.0.1:{self._port}",
            "STATE_DIR": state,
        }
        if prefix != "s":  # the broker holds a second set of topics that is not meant
            environment["SYMBOLS"] = ",".join(f"{prefix.upper()}{index:04}USDT" for index in range(topics))
        environment |= self._settings
        # An empty folder to work in: no configuration file is found there.
        return Child("klinecast", [self._binary, "router"], folder, environment, working_folder=state)

    def health(self):
        return health(self._port)

    def live_check(self, messages):
        """What it says of itself while it runs; notes where it contradicts us."""
        try:
            health = self.health()
            routed = health.get("stats", {}).get("messages_routed")
        except (OSError, ValueError, http.client.HTTPException) as error:
            return {}, [f"{self.name}: GET /health: {error}"]
        notes = [] if routed == messages else [f"{self.name}: /health says {routed} messages routed, Redis {messages}"]
        if health.get("status") != "healthy":
            notes.append(f"{self.name}: /health says {health.get('status')}: {health.get('reasons')}")
        return health, notes

    def cross_check(self, child, messages):
        return {}, []
