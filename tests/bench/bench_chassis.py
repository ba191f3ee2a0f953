"""The overhead of Connexion: CPU time per request of Flask, of Connexion without changes, and of the chassis.

The three run side by side in this one call, in turns, so the ratios hold on a machine whose speed drifts. Each
server is asked by a few keep-alive connections; counted is the CPU time of the server process.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = """
openapi: 3.0.3
info: {title: bench, version: "1"}
paths:
  /things:
    get:
      operationId: tests.bench.servers.get_things
      parameters: [{name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}]
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object}}}}}
    post:
      operationId: tests.bench.servers.post_thing
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [name, price]
              additionalProperties: false
              properties:
                name: {type: string, maxLength: 100}
                price: {type: object, required: [amount], properties: {amount: {type: integer}}}
      responses: {"201": {description: ok, content: {application/json: {schema: {type: object}}}}}
"""
BODY = json.dumps({"name": "Navy wool coat", "price": {"amount": 4900}})
KINDS = ("flask", "connexion", "chassis")


def start(kind: str, folder: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server of one kind; return its process and port."""
    port = free_port()
    worker = ["-k", "gthread", "--threads", "8"] if kind == "flask" else ["-k", "uvicorn_worker.UvicornWorker"]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-b",
        f"127.0.0.1:{port}",
        "-w",
        "1",
        "--no-control-socket",
        *worker,
    ]
    environment = os.environ | {"BENCH_FOLDER": folder}
    process = subprocess.Popen([*command, f"tests.bench.servers:{kind}_app()"], cwd=ROOT, env=environment)
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/things?limit=3")
            assert connection.getresponse().status == 200
            return process, port
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{kind} did not start")


def send_requests(port: int, method: str, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/json"} if method == "POST" else {}
    for _ in range(count):
        connection.request(
            method, "/things?limit=3" if method == "GET" else "/things", BODY if headers else None, headers
        )
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (200, 201), answer.status


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0.0
    for member in (pid, *map(int, children)):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def measure(process: subprocess.Popen[bytes], port: int, method: str, requests: int) -> float:
    """The CPU seconds that a server needs for a number of requests over four connections."""
    before = cpu_seconds(process.pid)
    threads = [threading.Thread(target=send_requests, args=(port, method, requests // 4)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return cpu_seconds(process.pid) - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="requests in one turn (default: 2000)")
    parser.add_argument("--turns", type=int, default=5, help="turns of each server (default: 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bench.yaml").write_text(CONTRACT)
        servers = {kind: start(kind, folder) for kind in KINDS}
        try:
            for method in ("GET", "POST"):
                ratios: dict[str, list[float]] = {kind: [] for kind in KINDS}
                for _ in range(options.turns):
                    spent = {kind: measure(*servers[kind], method, options.requests) for kind in KINDS}
                    for kind in KINDS:
                        ratios[kind].append(spent[kind] / spent["flask"])
                for kind in KINDS:
                    found = ratios[kind]
                    line = f"{statistics.median(found):5.2f}  ({min(found):.2f} to {max(found):.2f})"
                    print(f"{method:5} {kind:10} CPU against bare Flask: {line}")
        finally:
            for process, _ in servers.values():
                process.terminate()


if __name__ == "__main__":
    main()
