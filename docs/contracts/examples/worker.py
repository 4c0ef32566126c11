#!/usr/bin/env python3
"""Stands for workers while there are none: the control API that a gateway talks to, without any exchange behind it.

    worker.py PORT… [--host 127.0.0.1]

One line for each change. Needs nothing but Python 3.8.
"""
import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHANNELS = {"1h": "1H", "2h": "2H", "4h": "4H", "1d": "1D", "1w": "1W"}


class Worker(ThreadingHTTPServer):
    def __init__(self, host, port):
        super().__init__((host, port), Handler)
        self.lock = threading.Lock()
        self.channels = set()

    def change(self, verb, symbol, timeframes):
        channels = {f"futures/klineBin{CHANNELS.get(t, t)}:{symbol}" for t in timeframes}
        with self.lock:
            self.channels = self.channels | channels if verb == "subscribe" else self.channels - channels
        print(f"{self.server_address[1]} {verb} {symbol} {' '.join(timeframes)}", flush=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != "/status":
            return self.answer(404, {"ok": False, "error": "Not Found"})
        with self.server.lock:
            channels = sorted(self.server.channels)
        self.answer(200, {"is_running": True, "public_ws_connected": True, "kline_channels": channels})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        verb = self.path.rsplit("/", 1)[-1]
        if self.path not in ("/subscribe", "/unsubscribe", "/klines/subscribe", "/klines/unsubscribe"):
            return self.answer(404, {"ok": False, "error": "Not Found"})
        try:
            request = json.loads(body)
            symbol, timeframes = request["symbol"], request["tfs"]
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"ok": False, "error": "Missing symbol or tfs parameter"})
        timeframes = timeframes if isinstance(timeframes, list) else [timeframes]
        self.server.change(verb, symbol, timeframes)
        done = "Subscribed to" if verb == "subscribe" else "Unsubscribed from"
        message = f"{done} klines for {symbol} with timeframes: {', '.join(timeframes)}"
        self.answer(200, {"ok": True, "message": message})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("ports", nargs="+", type=int, metavar="PORT")
    options.add_argument("--host", default="127.0.0.1")
    chosen = options.parse_args()
    workers = [Worker(chosen.host, port) for port in chosen.ports]
    threads = [threading.Thread(target=worker.serve_forever, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    print(f"serving on {', '.join(map(str, chosen.ports))}", flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
