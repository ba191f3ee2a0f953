"""Servers that run in a process of their own as long as a block of code."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.errors import ToolError
from tools.project import ROOT

POLL_SECONDS = 0.1
STOP_SECONDS = 60
LOG_CHARACTERS = 4000


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    log: Path,
    is_ready: Callable[[], bool],
    *,
    start_seconds: float,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, wait until it is ready, and stop it at the end of the block.

    Raises:
        ToolError: the server ended or was not ready in time; the message has the end of its log.
    """
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + start_seconds
            while not is_ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ToolError(f"{name} did not start. The end of {log}:\n{log.read_text()[-LOG_CHARACTERS:]}")
                time.sleep(POLL_SECONDS)
            yield process
        finally:
            process.send_signal(stop_signal)
            process.wait(STOP_SECONDS)
