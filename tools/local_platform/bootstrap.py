#!/usr/bin/env python3
"""Makes the virtual environment `.venv` from `requirements.lock`. Standard library only; any Python 3.11 or newer.

With `--lock`, `--venv` and `--no-own` it makes one of tools alone, from a lock of theirs. Run again, it does
nothing unless the lock file or the Python has changed. Exit codes: 2 Python too old or incomplete, 5 no disk space,
7 the installation failed.
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
    """Say why it cannot go on, in one sentence, and end with `code`."""
    print(f"Cannot set up: {sentence}", file=sys.stderr)
    raise SystemExit(code)


def find_python() -> str:
    """This Python if it is new enough, else the newest one on PATH that is."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for minor in range(19, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    here = ".".join(map(str, sys.version_info[:2]))
    fail(2, f"Python 3.11 or newer is needed and this is {here}. {ADVICE}")


def fingerprint(python: str, lock: Path, own: bool) -> str:
    """What the environment is made of: the lock, the packaging, and the Python."""
    version = subprocess.run([python, "-V"], capture_output=True, check=True).stdout
    parts = [lock.read_bytes(), *([(ROOT / "setup.cfg").read_bytes()] if own else []), version]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def refuse_without_space(venv: Path) -> None:
    free = shutil.disk_usage(venv.parent).free
    if free < NEEDED_BYTES:
        fail(5, f"{venv.parent} has {free // 2**20} MiB of free disk and 2048 MiB are needed; make room first.")


def run(title: str, command: list[str], log: Path) -> None:
    """Run a command with a line of progress; its output goes to the log."""
    started = time.monotonic()
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(title, started, done), daemon=True)
    ticker.start()
    with log.open("ab") as out:
        answer = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False)
    done.set()
    ticker.join()
    seconds = time.monotonic() - started
    if answer.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        fail(7, f"{title}: that did not work. The end of {log}:\n{tail}")
    print(f"\r{title}: done in {seconds:.0f} s", flush=True)


def _tick(title: str, started: float, done: threading.Event) -> None:
    while not done.wait(1):
        if sys.stdout.isatty():
            print(f"\r{title} … {time.monotonic() - started:.0f} s", end="", flush=True)


def set_up(venv: Path, lock: Path, own: bool) -> None:
    python = find_python()
    stamp = venv / "made-from"
    wanted = fingerprint(python, lock, own)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode:
        fail(2, f"this Python has no venv module. {ADVICE}")
    refuse_without_space(venv)
    (ROOT / ".run").mkdir(exist_ok=True)
    log = ROOT / ".run" / f"setup{venv.name.removeprefix('.venv')}.log"
    log.write_bytes(b"")
    stamp.unlink(missing_ok=True)
    if not (venv / "bin" / "pip").exists():
        run("Making the virtual environment", [python, "-m", "venv", "--clear", str(venv)], log)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    installer = ROOT / ".run" / "installer.lock"
    installer.write_text(locked_lines("uv"))
    run("Installing the installer", [*pip, "--require-hashes", "--no-deps", "-r", str(installer)], log)
    uv = [str(venv / "bin" / "uv"), "pip", "install", "--python", str(venv / "bin" / "python"), "--no-deps"]
    run("Installing the locked packages", [*uv, "--compile-bytecode", "--require-hashes", "-r", str(lock)], log)
    if own:
        itself = [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
        run("Installing ReClothes itself", itself, log)
    stamp.write_text(wanted)


def locked_lines(package: str) -> str:
    """The lines of one package in the lock file: its version and hashes."""
    found = re.search(rf"^{re.escape(package)}==.*?(?=^\S|\Z)", LOCK.read_text(), re.MULTILINE | re.DOTALL)
    if found is None:
        fail(2, f"{LOCK} does not name {package}; get it anew with `git checkout requirements.lock`.")
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where (default: .venv)")
    parser.add_argument("--lock", type=Path, default=LOCK, help="from what (default: requirements.lock)")
    parser.add_argument("--no-own", action="store_true", help="the locked packages only, without ReClothes itself")
    chosen = parser.parse_args()
    os.umask(0o022)
    set_up(chosen.venv.resolve(), chosen.lock.resolve(), not chosen.no_own)


if __name__ == "__main__":
    main()
