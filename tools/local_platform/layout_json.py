"""A layout as JSON: for the platform's own processes in one environment variable, for later commands in a file."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from tools.local_platform.errors import DamagedFile
from tools.local_platform.layout import Layout

VARIABLE = "RUNNER_LAYOUT"


def to_environment(layout: Layout) -> dict[str, str]:
    return {VARIABLE: _dumped(layout)}


def from_environment() -> Layout:
    return _loaded(os.environ[VARIABLE])


def save(layout: Layout) -> None:
    """Write the layout into its run directory; only the process that holds the run directory may do this."""
    temporary = _path(layout.run_dir).with_suffix(".new")
    temporary.write_text(_dumped(layout))
    temporary.replace(_path(layout.run_dir))


def saved(run_dir: Path) -> Layout:
    """The layout of the platform that was last started in `run_dir`; the defaults when there was none."""
    path = _path(run_dir.resolve())
    if not path.exists():
        return Layout(run_dir.resolve())
    try:
        # The directory may have been moved since.
        return dataclasses.replace(_loaded(path.read_text()), run_dir=run_dir.resolve())
    except (ValueError, TypeError, KeyError):
        raise DamagedFile(f"{path} is damaged. Delete it; the next `make run` writes it again.") from None


def _path(run_dir: Path) -> Path:
    return run_dir / "layout.json"


def _dumped(layout: Layout) -> str:
    return json.dumps(dataclasses.asdict(layout), default=str)


def _loaded(text: str) -> Layout:
    values = json.loads(text)
    return Layout(**{**values, "run_dir": Path(values["run_dir"])})
