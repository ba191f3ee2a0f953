"""Wait until processes are ready, or report which one is not and why."""

from __future__ import annotations

import socket
import ssl
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Container, Sequence

from tools.local_platform.errors import DidNotStart
from tools.local_platform.layout import HOST, Layout
from tools.local_platform.processes import Process
from tools.local_platform.supervision import Supervisor

LOG_LINES = 12
MAXIMUM_CRASHES = 5


def wait_until_ready(
    layout: Layout,
    supervisor: Supervisor,
    processes: Sequence[Process],
    seconds: float,
    report: Callable[[str], None],
) -> None:
    """Report the name of each process that is ready, and return when all are.

    Raises:
        DidNotStart: a process failed; the message has the end of its log.
    """
    waiting = {process.name: process for process in processes}
    crashes = _Crashes(supervisor)
    deadline = time.monotonic() + seconds
    while True:
        for name in [name for name, process in waiting.items() if is_ready(layout, process)]:
            del waiting[name]
            report(name)
        if not waiting:
            return
        failed = crashes.failed(waiting)
        if failed or time.monotonic() > deadline:
            late = f"Not ready after {seconds:.0f} s: {', '.join(waiting)}"
            problem = f"{failed} crashed {MAXIMUM_CRASHES} times during its start" if failed else late
            raise DidNotStart(f"{problem}.\n{log_tail(layout, failed or next(iter(waiting)))}")
        time.sleep(0.1)


class _Crashes:
    """Counts the starts of each process: supervisord counts only crashes within the first second."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._pids: dict[str, set[int]] = defaultdict(set)

    def failed(self, waiting: Container[str]) -> str | None:
        """Return the name of a process in `waiting` that has crashed MAXIMUM_CRASHES times."""
        for state in self._supervisor.states():
            name, pid = str(state["name"]), int(state["pid"])
            if name not in waiting:
                continue
            if pid:
                self._pids[name].add(pid)
            ended = len(self._pids[name]) - bool(pid)
            if state["statename"] == "FATAL" or ended >= MAXIMUM_CRASHES:
                return name
        return None


def is_ready(layout: Layout, process: Process) -> bool:
    if process.heartbeat is not None:
        return process.heartbeat.exists()
    if process.port is None:
        return True
    if process.https_path is None:
        return _accepts(process.port)
    return _responds(layout, process.port, process.https_path)


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def _responds(layout: Layout, port: int, path: str) -> bool:
    """Whether HTTPS gives a status below 500 (a gateway responds to `/` with 404)."""
    context = ssl.create_default_context(cafile=str(layout.ca_file))
    try:
        with urllib.request.urlopen(f"https://{HOST}:{port}{path}", timeout=3, context=context):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False


def log_tail(layout: Layout, name: str) -> str:
    """Return the path and the last lines of a process's log."""
    path = layout.log_dir / f"{name}.log"
    lines = path.read_text(errors="replace").splitlines()[-LOG_LINES:] if path.exists() else []
    return "\n".join([f"The end of {path}:", *(f"  {line[:400]}" for line in lines)])
