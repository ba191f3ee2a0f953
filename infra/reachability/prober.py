"""Runs inside one namespace: listens on all ports of the probe, then tries all its targets at once.

The standard library alone, since it is started once for each namespace. It reads its task as JSON from standard
input and writes to standard output: "ready", then the targets that it reached.
"""

# ruff: noqa: S104, T201 all addresses of a namespace that has none but its own; results are printed

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time
from typing import Any

Target = tuple[str, str, int]


def listen(tcp: list[int], udp: list[int]) -> None:
    """Accept connections and echo datagrams until the process ends."""
    for port in tcp:
        server = socket.create_server(("0.0.0.0", port), backlog=512)
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
    for port in udp:
        answering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        answering.bind(("0.0.0.0", port))
        threading.Thread(target=_echo, args=(answering,), daemon=True).start()


def _accept(server: socket.socket) -> None:
    while True:
        server.accept()[0].close()


def _echo(answering: socket.socket) -> None:
    while True:
        text, caller = answering.recvfrom(64)
        answering.sendto(text, caller)


def reach(targets: list[Target], seconds: float) -> list[Target]:
    """Which targets take a connection, or send a datagram back, in that time."""
    poll, tried = select.poll(), {}
    for target in targets:
        protocol, address, port = target
        calling = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        calling.setblocking(False)
        if _begin(calling, protocol, address, port):
            tried[calling.fileno()] = (calling, target)
            poll.register(calling, select.POLLOUT if protocol == "tcp" else select.POLLIN)
    reached, end = [], time.monotonic() + seconds
    while tried and (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            calling, target = tried.pop(number)
            poll.unregister(number)
            if calling.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                reached.append(target)
            calling.close()
    for calling, _ in tried.values():
        calling.close()
    return reached


def _begin(calling: socket.socket, protocol: str, address: str, port: int) -> bool:
    """Send the first packet; False when there is no way at all."""
    try:
        calling.connect((address, port))
        if protocol == "udp":
            calling.send(b"probe")
    except BlockingIOError:
        return True
    except OSError:
        calling.close()
        return False
    return True


def main() -> None:
    task: dict[str, Any] = json.loads(sys.stdin.readline())
    listen(task["tcp"], task["udp"])
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        found = reach([(one[0], one[1], one[2]) for one in request["targets"]], request["seconds"])
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
