"""A platform that runs as long as a block of code, started by the command that users start it with."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tools import subprocesses
from tools.local_platform.layout import Layout

START_SECONDS = 480


def run_command(layout: Layout, *more: str) -> list[str]:
    """Return the command `reclothes run` with the options of this layout."""
    options = {
        "--run-dir": layout.run_dir,
        "--port-base": layout.port_base,
        "--external-port": layout.external_port,
        "--internal-port": layout.internal_port,
        "--web-workers": layout.web_workers,
        "--database-url": layout.database_url_template,
        "--redis-url": layout.redis_url,
        "--images": layout.images,
        "--environment": layout.environment,
    }
    arguments = [str(part) for option in options.items() if option[1] is not None for part in option]
    flags = ["--waf"] if layout.waf else []
    return [sys.executable, "-m", "tools.local_platform.cli", "run", *arguments, *flags, *more]


@contextmanager
def running(layout: Layout, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Start a platform, wait until it is up, and stop it as Ctrl-C does; gives the id of its process.

    Raises:
        ToolError: the platform did not start.
    """
    layout.run_dir.mkdir(parents=True, exist_ok=True)
    with subprocesses.running(
        "The platform",
        run_command(layout),
        layout.run_dir.with_suffix(".log"),
        layout.ready_file.exists,
        start_seconds=START_SECONDS,
        environment=environment,
        stop_signal=signal.SIGINT,
    ) as process:
        yield process.pid
