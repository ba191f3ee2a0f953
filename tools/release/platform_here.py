"""A platform of its own for the smoke test, where there is no environment to ask."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.local_platform.layout import Layout
from tools.release.project import ROOT, ReleaseError

START_SECONDS = 180


@contextmanager
def running(run_dir: Path) -> Iterator[Layout]:
    """Start a platform with demo data on free ports; when the context ends it is stopped and its data gone."""
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True)
    layout = Layout(run_dir).on_free_ports()
    ports = {
        "port-base": layout.port_base,
        "external-port": layout.external_port,
        "internal-port": layout.internal_port,
    }
    command = [sys.executable, "-m", "tools.local_platform.cli", "run", "--run-dir", str(run_dir)]
    command += [part for name, port in ports.items() for part in (f"--{name}", str(port))]
    log = run_dir.with_suffix(".log")
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        try:
            _wait(process, run_dir / "ready", log)
            yield layout
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            shutil.rmtree(run_dir, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], ready: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ReleaseError(f"the platform did not come up:\n{log.read_text()[-1500:]}")
        time.sleep(0.2)
