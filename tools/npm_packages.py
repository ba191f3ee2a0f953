"""Tools from npm: each folder in `tools/npm/` has its own package.json and lock; node is in `.venv`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.errors import ToolError
from tools.project import ROOT

TOOLS = ROOT / "tools" / "npm"


def install(tool: str) -> Path:
    """Install the locked packages of a tool, without install scripts, and return its folder."""
    folder = TOOLS / tool
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    stamp = folder / "node_modules" / ".made-from"
    if installed.exists() and stamp.exists() and stamp.read_text() == lock.read_text():
        return folder
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=folder)
    stamp.write_text(lock.read_text())
    return folder


def run(command: list[str], *, cwd: Path) -> str:
    """Run a command with node on its PATH and return its output; ToolError with its last lines when it fails."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise ToolError(f"{command[0]} is not installed. Run `make setup`.")
    completed = subprocess.run(
        [program, *command[1:]], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if completed.returncode:
        tail = "\n".join((completed.stdout + completed.stderr).splitlines()[-15:])
        raise ToolError(f"`{' '.join(command[:3])} …` failed with exit code {completed.returncode}:\n{tail}")
    return completed.stdout
