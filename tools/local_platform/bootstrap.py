#!/usr/bin/env python3
"""Create the virtual environment `.venv` from `requirements.lock`. Needs Python 3.11 and no other package.

With `--lock`, `--venv` and `--no-own` it creates one for other tools. It does nothing unless the lock file or the
Python version has changed. Exit codes: 2 Python too old or incomplete, 5 no disk space, 7 installation failed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
OLDEST = (3, 11)
NEEDED_BYTES = 2 * 1024**3
ADVICE = "Install it with `apt-get install python3 python3-venv` (Debian 12 or newer), then run this again."


def fail(code: int, sentence: str) -> NoReturn:
    """Print an error and exit with `code`."""
    print(f"Cannot set up: {sentence}", file=sys.stderr)
    raise SystemExit(code)


def find_python() -> str:
    """Return this Python if it is new enough, else the newest one on PATH."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for minor in range(19, OLDEST[1] - 1, -1):
        python = shutil.which(f"python3.{minor}")
        if python:
            return python
    here = ".".join(map(str, sys.version_info[:2]))
    fail(2, f"Python 3.11 or newer is required, but this is {here}. {ADVICE}")


def fingerprint(python: str, lock: Path, with_project: bool) -> str:
    """Return a hash of the lock file, the package metadata and the Python version."""
    version = subprocess.run([python, "-V"], capture_output=True, check=True).stdout
    parts = [lock.read_bytes(), *([(ROOT / "setup.cfg").read_bytes()] if with_project else []), version]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def require_space(venv: Path) -> None:
    free = shutil.disk_usage(venv.parent).free
    if free < NEEDED_BYTES:
        fail(
            5,
            f"{venv.parent} has {free // 2**20} MiB of free disk space, but needs 2048 MiB. Free some space.",
        )


def run(title: str, command: list[str], log: Path) -> None:
    """Run a command with a progress line; its output goes to the log."""
    started = time.monotonic()
    finished = threading.Event()
    ticker = threading.Thread(target=_tick, args=(title, started, finished), daemon=True)
    ticker.start()
    with log.open("ab") as out:
        completed = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False)
    finished.set()
    ticker.join()
    seconds = time.monotonic() - started
    if completed.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        fail(7, f"{title}: failed. The end of {log}:\n{tail}")
    print(f"\r{title}: done in {seconds:.0f} s", flush=True)


def _tick(title: str, started: float, finished: threading.Event) -> None:
    while not finished.wait(1):
        if sys.stdout.isatty():
            print(f"\r{title} … {time.monotonic() - started:.0f} s", end="", flush=True)


def set_up(venv: Path, lock: Path, with_project: bool) -> None:
    python = find_python()
    stamp = venv / "made-from"
    expected = fingerprint(python, lock, with_project)
    if stamp.exists() and stamp.read_text() == expected:
        return
    if subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode:
        fail(2, f"This Python has no venv module. {ADVICE}")
    require_space(venv)
    (ROOT / ".run").mkdir(exist_ok=True)
    log = ROOT / ".run" / f"setup{venv.name.removeprefix('.venv')}.log"
    log.write_bytes(b"")
    stamp.unlink(missing_ok=True)
    if not (venv / "bin" / "pip").exists():
        run("Creating the virtual environment", [python, "-m", "venv", "--clear", str(venv)], log)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    installer = ROOT / ".run" / "installer.lock"
    installer.write_text(locked_lines("uv"))
    run("Installing uv", [*pip, "--require-hashes", "--no-deps", "-r", str(installer)], log)
    uv = [str(venv / "bin" / "uv"), "pip", "install", "--python", str(venv / "bin" / "python"), "--no-deps"]
    run("Installing the locked packages", [*uv, "--compile-bytecode", "--require-hashes", "-r", str(lock)], log)
    if with_project:
        command = [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
        run("Installing ReClothes", command, log)
    stamp.write_text(expected)


def locked_lines(package: str) -> str:
    """Return the lines of one package in the lock file: its version and hashes."""
    match = re.search(rf"^{re.escape(package)}==.*?(?=^\S|\Z)", LOCK.read_text(), re.MULTILINE | re.DOTALL)
    if match is None:
        fail(2, f"{LOCK} does not contain {package}. Restore it with `git checkout requirements.lock`.")
    return match[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="default: .venv")
    parser.add_argument("--lock", type=Path, default=LOCK, help="default: requirements.lock")
    parser.add_argument("--no-own", action="store_true", help="install only the locked packages and not ReClothes")
    chosen = parser.parse_args()
    os.umask(0o022)
    set_up(chosen.venv.resolve(), chosen.lock.resolve(), not chosen.no_own)


if __name__ == "__main__":
    main()
