"""Checks of the machine and the run directory before anything starts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.local_platform import ports
from tools.local_platform.errors import DamagedFile, NoDiskSpace, PortInUse
from tools.local_platform.layout import Layout
from tools.project import SERVICES

NEEDED_BYTES = 500 * 1024 * 1024
PORT_OPTIONS = {"external": "--external-port", "internal": "--internal-port"}


def check(layout: Layout) -> None:
    """Check disk space and ports.

    Raises:
        NoDiskSpace, PortInUse
    """
    free = shutil.disk_usage(layout.run_dir).free
    if free < NEEDED_BYTES:
        raise NoDiskSpace(
            f"{layout.run_dir} has {free // 2**20} MiB of free disk space; 500 MiB are needed. "
            "Free some space or choose another directory with `--run-dir`."
        )
    for name, port in layout.used_ports():
        if not ports.is_free(port):
            option = PORT_OPTIONS.get(name, "--port-base")
            raise PortInUse(
                f"Port {port} ({name}) is already in use. Stop the process that uses it, or pass `{option}`."
            )


def check_data(layout: Layout) -> None:
    """Check that no store is missing while the others have data that refers to it.

    Raises:
        DamagedFile: a store that was filled by an earlier start is missing or empty.
    """
    if not (layout.prepared_marker.exists() or layout.demo_marker.exists()):
        return
    for path in _stores_with_data(layout):
        if not path.exists() or (path.is_file() and path.stat().st_size == 0):
            raise DamagedFile(
                f"{path} is missing or empty, but the other data of this platform is there. "
                f"Restore it, or delete {layout.data_dir} to start again with new data."
            )


def _stores_with_data(layout: Layout) -> Iterator[Path]:
    if layout.database_url_template is None:
        for service in SERVICES:
            yield layout.data_dir / "sqlite" / f"{service}.db"
    yield layout.data_dir / "secantus" / "WiredTiger"
