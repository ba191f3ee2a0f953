"""Where things are in the project, and what exists: its services, its environments and its version."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
CONTRACTS = ROOT / "openapi"
SERVICES = ("auth", "customer", "shopping", "billing", "admin", "locker")
ENVIRONMENTS = ("dev", "staging", "prod")


def version(root: Path = ROOT) -> str:
    """Return the version of the distribution, from `setup.cfg`."""
    packaging = configparser.ConfigParser()
    packaging.read(root / "setup.cfg")
    return packaging["metadata"]["version"]


def read_yaml(file: Path) -> Any:
    """Read a YAML file with the parser in C if there is one, since contracts are long."""
    return yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
