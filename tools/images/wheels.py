"""The wheels of all images, downloaded once into the cache and verified by their hashes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

from tools.errors import ToolError
from tools.images.buildah import cache_folder, print_progress
from tools.images.locks import FOLDER, requirements
from tools.project import ROOT

# The Python version and the C libraries of the base.
PYTHON = "3.11.2"
PLATFORMS = ("manylinux_2_36_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def ensure() -> Path:
    """Return the folder with the wheels of the lock files; ToolError when one cannot be downloaded."""
    folder = cache_folder() / "wheels"
    folder.mkdir(exist_ok=True)
    locks = sorted(FOLDER.glob("*.lock"))
    stamp = folder / "fetched"
    expected = hashlib.sha256(b"".join([PYTHON.encode(), *(path.read_bytes() for path in locks)])).hexdigest()
    if stamp.exists() and stamp.read_text() == expected:
        return folder
    print_progress("Downloading the wheels that are not in the cache …")
    stamp.unlink(missing_ok=True)
    for lock in locks:
        _download(lock, folder)
    stamp.write_text(expected)
    return folder


def _requirements_of_base(lock: Path) -> str:
    """Return the requirements for the base's Python; pip would evaluate the markers for its base_python Python."""
    base_python = {"python_version": "3.11", "python_full_version": PYTHON, "extra": ""}
    environment = {**{name: str(value) for name, value in default_environment().items()}, **base_python}
    selected = []
    for block in requirements(lock.read_text()).values():
        line, backslash, hashes = block.partition(" \\\n")
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            selected.append(line.partition(" ;")[0] + backslash + hashes)
    return "".join(selected)


def _download(lock: Path, folder: Path) -> None:
    chosen = folder / f"{lock.stem}.txt"
    chosen.write_text(_requirements_of_base(lock))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
    command += [part for platform in PLATFORMS for part in ("--platform", platform)]
    completed = subprocess.run(
        [*command, "--dest", str(folder), "--requirement", str(chosen)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode != 0:
        tail = "\n".join(completed.stderr.splitlines()[-8:])
        raise ToolError(f"The wheels of {lock.name} could not be downloaded:\n{tail}")
