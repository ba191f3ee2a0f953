"""The tools from npm: each folder under `tools/npm/` has its own package.json and lock; node comes with `.venv`."""

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
    """The folder of a tool with its packages in place, exactly as locked. No package runs a script of its own."""
    folder = TOOLS / tool
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    stamp = folder / "node_modules" / ".made-from"
    if installed.exists() and stamp.exists() and stamp.read_text() == lock.read_text():
        return folder
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=folder)
    stamp.write_text(lock.read_text())
    return folder


def run(command: list[str], *, cwd: Path) -> str:
    """What a command with node on its PATH prints; raises ToolError with its last lines when it fails."""
    surroundings = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    program = shutil.which(command[0], path=surroundings["PATH"])
    if program is None:
        raise ToolError(f"{command[0]} is not there; `make setup` installs it")
    answer = subprocess.run(
        [program, *command[1:]], cwd=cwd, env=surroundings, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        tail = "\n".join((answer.stdout + answer.stderr).splitlines()[-15:])
        raise ToolError(f"{' '.join(command[:3])} … ended with {answer.returncode}:\n{tail}")
    return answer.stdout
