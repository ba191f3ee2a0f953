"""A layout as JSON: in an environment variable for the platform's processes, in a file for later commands."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from tools.local_platform.errors import DamagedFile
from tools.local_platform.layout import Layout

VARIABLE = "RUNNER_LAYOUT"


def to_environment(layout: Layout) -> dict[str, str]:
    return {VARIABLE: _to_json(layout)}


def from_environment() -> Layout:
    return _from_json(os.environ[VARIABLE])


def save(layout: Layout) -> None:
    """Write the layout to its run directory, whose lock the caller must hold."""
    temporary = _path(layout.run_dir).with_suffix(".new")
    temporary.write_text(_to_json(layout))
    temporary.replace(_path(layout.run_dir))


def load(run_dir: Path) -> Layout:
    """Return the layout of the last platform in `run_dir`; the default layout when there was none."""
    path = _path(run_dir.resolve())
    if not path.exists():
        return Layout(run_dir.resolve())
    try:
        # The directory may have been moved since.
        return dataclasses.replace(_from_json(path.read_text()), run_dir=run_dir.resolve())
    except (ValueError, TypeError, KeyError):
        raise DamagedFile(f"{path} is damaged. Delete it; the next `make run` writes it again.") from None


def _path(run_dir: Path) -> Path:
    return run_dir / "layout.json"


def _to_json(layout: Layout) -> str:
    return json.dumps(dataclasses.asdict(layout), default=str)


def _from_json(text: str) -> Layout:
    values = json.loads(text)
    return Layout(**{**values, "run_dir": Path(values["run_dir"])})
