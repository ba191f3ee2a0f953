"""A whole platform of its own for acceptance tests, started as a user starts it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.local_platform.layout import ROOT, Layout


@dataclass(frozen=True)
class RunningPlatform:
    """Where a started platform is. `process` is its runner."""

    layout: Layout
    process: subprocess.Popen[str] | None = None

    @property
    def external_url(self) -> str:
        return self.layout.url_of_gateway("external")

    @property
    def internal_url(self) -> str:
        return self.layout.url_of_gateway("internal")

    @property
    def ca_file(self) -> Path:
        return self.layout.ca_file

    @property
    def maildir(self) -> Path:
        return self.layout.maildir

    @property
    def run_dir(self) -> Path:
        return self.layout.run_dir


def command_of(layout: Layout, *more: str) -> list[str]:
    """`reclothes run` for a layout."""
    options = {
        "--run-dir": str(layout.run_dir),
        "--port-base": str(layout.port_base),
        "--external-port": str(layout.external_port),
        "--internal-port": str(layout.internal_port),
        "--web-workers": str(layout.web_workers),
        "--database-url": layout.database_url_template,
        "--redis-url": layout.redis_url,
        "--environment": layout.environment,
    }
    given = [part for name, value in options.items() if value is not None for part in (name, value)]
    flags = ["--waf"] if layout.waf else []
    return [sys.executable, "-m", "tools.local_platform.cli", "run", *given, *flags, *more]


# Passwords that are quick to hash: most tests log somebody in, and few are about that.
QUICK_PASSWORDS = {"AUTH_ARGON2_TIME_COST": "1", "AUTH_ARGON2_MEMORY_KIB": "1024"}


@contextmanager
def running(layout: Layout, environment: Mapping[str, str] | None = None) -> Iterator[RunningPlatform]:
    """Start a platform, wait until it says that it is up, and stop it afterwards with Ctrl-C."""
    layout.run_dir.mkdir(parents=True, exist_ok=True)
    out, surroundings = layout.run_dir / "out.log", os.environ | dict(environment or {})
    with out.open("w") as file, ExitStack() as alone:
        alone.enter_context(one_at_a_time())
        process = subprocess.Popen(
            command_of(layout),
            cwd=ROOT,
            stdout=file,
            stderr=file,
            text=True,
            env=surroundings,
        )
        try:
            _wait_until_up(layout, process, out)
            alone.close()
            yield RunningPlatform(layout, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)  # ten seconds on a machine that does nothing else: test_start_and_stop.py
    assert processes_of(layout) == {}, "a stopped platform leaves no process"


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep platforms from starting at the same time in two test workers."""
    with locked(Path(tempfile.gettempdir()) / "reclothes-tests-start.lock", alone=True):
        yield


@contextmanager
def locked(file: Path, *, alone: bool) -> Iterator[None]:
    """Hold a lock between processes: shared with others, or alone."""
    with file.open("a") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def processes_of(layout: Layout) -> dict[int, int]:
    """The processes of a platform by their command or environment: process id → its parent's."""
    needle = str(layout.run_dir).encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if needle in told and int(folder.name) != os.getpid():
            found[int(folder.name)] = parent
    return found


def orphans_of(layout: Layout) -> list[int]:
    """Processes of a platform that nobody looks after."""
    return [process for process, parent in processes_of(layout).items() if parent == 1]


def _wait_until_up(layout: Layout, process: subprocess.Popen[str], out: Path) -> None:
    deadline = time.monotonic() + 480
    while not (layout.run_dir / "ready").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the platform did not come up:\n{out.read_text()}")
        time.sleep(0.2)
