#!/usr/bin/env python3
"""Follows one Redis channel of Klinecast: the last value first, then what comes, and says what is missing.

    subscriber.py CHANNEL [--host 127.0.0.1] [--port 6379] [--username U --password P] [--count N]

One line each: snapshot, message, duplicate, gap, anew, plain (without _routing). Needs nothing but Python 3.8.
"""
import argparse
import json
import os
import socket


class Redis:
    """One connection: commands out, replies in, in order."""

    def __init__(self, host, port, username, password):
        self.socket = socket.create_connection((host, port))
        self.replies = self.socket.makefile("rb")
        if password:
            self.call("AUTH", *([username] if username else []), password)

    def send(self, *words):
        parts = [word.encode() for word in words]
        frame = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(frame)

    def read(self):
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection: connect again and start from the snapshot")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.replies.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return rest

    def call(self, *words):
        self.send(*words)
        return self.read()


class Partition:
    """What was seen of one source partition last."""

    def __init__(self, offset, timestamp):
        self.offset, self.timestamp = offset, timestamp


def judge(seen, routing):
    """The names of what this message tells, in the order to act on; `seen` is brought up to date."""
    place = (routing["source_topic"], routing["partition"])
    offset, timestamp, previous = routing["offset"], routing["timestamp"], routing["previous"]
    last = seen.get(place)
    if last is not None and offset <= last.offset and timestamp <= last.timestamp:
        return ["duplicate"]
    verdict = []
    if last is not None and offset <= last.offset:
        verdict.append("anew")
    elif last is not None and previous is not None and previous > last.offset:
        verdict.append("gap")
    seen[place] = Partition(offset, timestamp)
    return verdict + ["message"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("channel")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=6379)
    arguments.add_argument("--username", default=os.environ.get("REDIS_USERNAME"))
    arguments.add_argument("--password", default=os.environ.get("REDIS_PASSWORD"))
    arguments.add_argument("--count", type=int, help="end after so many messages from the channel")
    options = arguments.parse_args()

    prefix, _, name = options.channel.partition(":")
    last_key = f"{prefix}:last:{name}"
    live = Redis(options.host, options.port, options.username, options.password)
    asking = Redis(options.host, options.port, options.username, options.password)

    # Only after this confirmation does a GET miss nothing: the router writes the last value before it publishes.
    live.call("SUBSCRIBE", options.channel)
    seen = {}
    snapshot = asking.call("GET", last_key)
    if snapshot is not None:
        show("snapshot", seen, json.loads(snapshot))

    received = 0
    while options.count is None or received < options.count:
        kind, _, payload = live.read()
        if kind != b"message":
            continue
        received += 1
        show("message", seen, json.loads(payload))


def show(kind, seen, message):
    # A member that stands twice: the last one counts, and json.loads keeps that one.
    routing = message.get("_routing") if isinstance(message, dict) else None
    if routing is None:
        print("plain", flush=True)
        return
    place = f'{routing["source_topic"]}/{routing["partition"]}'
    before = seen.get((routing["source_topic"], routing["partition"]))
    for verdict in judge(seen, routing):
        if verdict == "gap":
            # Here a program would GET the last value, or read `after` to `previous` from the stream with XRANGE.
            print(f'gap {place} after={before.offset} previous={routing["previous"]}', flush=True)
        elif verdict == "message":
            print(f'{kind} {place} offset={routing["offset"]}', flush=True)
        else:
            print(f'{verdict} {place} offset={routing["offset"]}', flush=True)


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as problem:
        raise SystemExit(f"subscriber: {problem}")
    except KeyboardInterrupt:
        pass
