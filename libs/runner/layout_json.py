"""Handing a layout to a process of our own, by one environment variable."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from libs.runner.layout import Layout

VARIABLE = "RUNNER_LAYOUT"


def to_environment(layout: Layout) -> dict[str, str]:
    return {VARIABLE: json.dumps(dataclasses.asdict(layout), default=str)}


def from_environment() -> Layout:
    values = json.loads(os.environ[VARIABLE])
    return Layout(**{**values, "run_dir": Path(values["run_dir"])})
