"""The git repository of the project."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.errors import ToolError
from tools.project import ROOT


def git(*arguments: str, root: Path = ROOT) -> str:
    """Return the output of a git command.

    Raises:
        ToolError: git failed; the message is its own.
    """
    return git_bytes(*arguments, root=root).decode()


def git_bytes(*arguments: str, root: Path = ROOT) -> bytes:
    """Return the output of a git command that is not text, such as an archive."""
    completed = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    if completed.returncode:
        message = completed.stderr.decode(errors="replace").strip()
        raise ToolError(f"`git {' '.join(arguments)}` failed: {message}")
    return completed.stdout


def last_release(root: Path = ROOT) -> str | None:
    """Return the tag of the newest release that this commit descends from; None before the first release."""
    try:
        return git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", root=root).strip()
    except ToolError:
        return None
