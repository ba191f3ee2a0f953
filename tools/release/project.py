"""Where things are in the project, and its version."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CONTRACTS = ROOT / "openapi"
SERVICES = ("auth", "customer", "shopping", "billing", "admin", "locker")
ENVIRONMENTS = ("dev", "staging", "prod")


class ReleaseError(Exception):
    """A step cannot go on; the message says why and what to do."""


def version(root: Path = ROOT) -> str:
    """The version of the distribution, from `setup.cfg`."""
    packaging = configparser.ConfigParser()
    packaging.read(root / "setup.cfg")
    return packaging["metadata"]["version"]


def git(*arguments: str, root: Path = ROOT) -> str:
    """What git prints; raises ReleaseError with git's own words when it fails."""
    answer = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise ReleaseError(f"git {' '.join(arguments)}: {answer.stderr.strip()}")
    return answer.stdout


def last_release(root: Path = ROOT) -> str | None:
    """The tag of the newest release that this commit descends from; None before the first one."""
    try:
        return git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", root=root).strip()
    except ReleaseError:
        return None


def read_yaml(file: Path) -> Any:
    """What stands in a YAML file, read by the parser that is in C where there is one: contracts are long."""
    return yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def git_bytes(*arguments: str, root: Path = ROOT) -> bytes:
    """What git prints, as it is (an archive, say)."""
    answer = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    if answer.returncode:
        raise ReleaseError(f"git {' '.join(arguments)}: {answer.stderr.decode(errors='replace').strip()}")
    return answer.stdout
