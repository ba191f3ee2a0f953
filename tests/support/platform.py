"""A whole platform of its own for acceptance tests, started as a user starts it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.local_platform import temporary
from tools.local_platform.layout import Layout


@dataclass(frozen=True)
class RunningPlatform:
    """A started platform."""

    layout: Layout

    @property
    def external_url(self) -> str:
        return self.layout.gateway_url("external")

    @property
    def internal_url(self) -> str:
        return self.layout.gateway_url("internal")

    @property
    def ca_file(self) -> Path:
        return self.layout.ca_file

    @property
    def maildir(self) -> Path:
        return self.layout.maildir

    @property
    def run_dir(self) -> Path:
        return self.layout.run_dir


# Passwords that are quick to hash: most tests log somebody in, and few are about that.
QUICK_PASSWORDS = {"AUTH_ARGON2_TIME_COST": "1", "AUTH_ARGON2_MEMORY_KIB": "1024"}


@contextmanager
def running(layout: Layout, environment: Mapping[str, str] | None = None) -> Iterator[RunningPlatform]:
    """Start a platform, wait until it is up, and stop it afterwards."""
    with ExitStack() as stack:
        with one_at_a_time():
            stack.enter_context(temporary.running(layout, os.environ | dict(environment or {})))
        yield RunningPlatform(layout)
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
