"""Real servers on free ports: Kafka through its official scripts, redis-server without persistence."""

import base64
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import uuid

from .children import Child, Failure, wait_until


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Redis:
    def __init__(self, folder):
        self._port = free_ports(1)[0]
        command = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._child = Child("redis-server", command, folder)
        self._connection = None
        wait_until(self._answers, 10, "redis-server answering", self._child)

    @property
    def port(self):
        return self._port

    def _answers(self):
        try:
            self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=10)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._call("PING") == "PONG"
        except OSError:
            return False

    def _call(self, *words):
        """One command whose reply is a status or a bulk string."""
        request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        self._connection.sendall(request.encode())
        data = b""
        while b"\r\n" not in data:
            data += self._receive()
        line, _, rest = data.partition(b"\r\n")
        if line[:1] == b"-":
            raise Failure(f"redis: {' '.join(words)}: {line.decode()}")
        if line[:1] != b"$":
            return line[1:].decode()
        size = int(line[1:])
        while len(rest) < size + 2:
            rest += self._receive()
        return rest[:size].decode()

    def _receive(self):
        data = self._connection.recv(65536)
        if not data:
            raise Failure("redis-server closed the connection")
        return data

    def reset(self):
        self._call("FLUSHALL")
        self._call("CONFIG", "RESETSTAT")

    def published(self):
        """PUBLISH commands done since the reset."""
        found = re.search(r"cmdstat_publish:calls=(\d+)", self._call("INFO", "commandstats"))
        return int(found[1]) if found else 0

    def stop(self):
        self._connection.close()
        self._child.stop()


class Kafka:
    """One broker in KRaft mode, empty at first, gone with its data at the end."""

    def __init__(self, home, folder, tools, heap):
        self._folder = os.path.join(folder, f"kafka-{uuid.uuid4().hex[:8]}")
        os.mkdir(self._folder)
        self._tools = tools
        port, controller = free_ports(2)
        self.address = f"127.0.0.1:{port}"
        properties = os.path.join(self._folder, "server.properties")
        with open(properties, "w", encoding="utf-8") as file:
            file.write(self._properties(port, controller))
        environment = dict(os.environ, KAFKA_HEAP_OPTS=heap, LOG_DIR=self._folder)
        identity = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        storage = [os.path.join(home, "bin", "kafka-storage.sh"), "format", "-t", identity, "-c", properties]
        done = subprocess.run(
            storage, env=environment, cwd=self._folder, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise Failure(f"kafka-storage.sh format: code {done.returncode}:\n{done.stdout}{done.stderr}")
        server = [os.path.join(home, "bin", "kafka-server-start.sh"), properties]
        self._child = Child("kafka", server, self._folder, environment)
        wait_until(self._accepts, 90, "Kafka accepting connections", self._child)
        self.tool("count")

    def _properties(self, port, controller):
        return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={self._folder}/data
num.partitions=1
default.replication.factor=1
auto.create.topics.enable=false
log.retention.ms=-1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
"""

    def _accepts(self):
        host, port = self.address.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return True
        except OSError:
            return False

    def start_tool(self, verb, *arguments):
        """Starts `produce VERB` against this broker."""
        command = [self._tools.path("produce"), verb, "--brokers", self.address, *map(str, arguments)]
        self._child.expect_running()
        return Child(f"produce-{verb}", command, self._folder)

    def tool(self, verb, *arguments, seconds=300):
        """Runs `produce VERB` against this broker and answers its JSON."""
        child = self.start_tool(verb, *arguments)
        child.wait(seconds, f"produce-{verb}")
        return json.loads(child.output())

    def fill(self, topics, messages, prefix="s", poison_every=0, more=()):
        """Creates the topics and fills them; `more` are further options of the backlog."""
        self.tool("create", "--topics", topics, "--symbol-prefix", prefix)
        return self.append(topics, messages, messages, prefix, poison_every, more)

    def append(self, topics, messages, total, prefix="s", poison_every=0, more=()):
        """Fills topics that are there; what lies there in the end is counted, not believed."""
        poison = ["--poison-every", poison_every] if poison_every else []
        told = self.tool(
            "backlog", "--topics", topics, "--messages", messages, "--symbol-prefix", prefix, *poison, *more,
            seconds=600)
        found = self.tool("count", "--symbol-prefix", prefix)
        if found["messages"] != total or found["topics"] != topics:
            raise Failure(f"{found['messages']} messages in {found['topics']} topics, not {total} in {topics}")
        return told

    def stop(self):
        self._child.stop(grace=20)
        shutil.rmtree(self._folder, ignore_errors=True)


def kafka_version(home):
    for path in glob.glob(os.path.join(home, "libs", "kafka-clients-*.jar")):
        return re.search(r"kafka-clients-(.+)\.jar$", path)[1]
    return "unknown"
