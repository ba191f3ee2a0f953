"""Free TCP ports of this machine."""

from __future__ import annotations

import secrets
import socket

HOST = "127.0.0.1"
PORTS_PER_PLATFORM = 30


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def free_range() -> int:
    """Return the first of PORTS_PER_PLATFORM consecutive free ports, for tests."""
    while True:
        base = 20000 + secrets.randbelow(350) * PORTS_PER_PLATFORM
        if all(is_free(base + offset) for offset in range(PORTS_PER_PLATFORM)):
            return base
