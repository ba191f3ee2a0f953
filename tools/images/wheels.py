"""The wheels of all images, fetched once into the cache: builds then need no network, and hashes are held."""

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

# The base's Python and oldest C library; wheels for others are of no use in it.
PYTHON = "3.11.2"
PLATFORMS = ("manylinux_2_36_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def ensure() -> Path:
    """The folder with the wheels that the locks name; ToolError when one is not to be had."""
    folder = cache_folder() / "wheels"
    folder.mkdir(exist_ok=True)
    locks = sorted(FOLDER.glob("*.lock"))
    stamp = folder / "fetched"
    wanted = hashlib.sha256(b"".join([PYTHON.encode(), *(path.read_bytes() for path in locks)])).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    print_progress("Fetching the wheels that are not in the cache yet …")
    stamp.unlink(missing_ok=True)
    for lock in locks:
        _fetch(lock, folder)
    stamp.write_text(wanted)
    return folder


def _of_base(lock: Path) -> str:
    """The lock's blocks that the base's Python wants; pip would ask the markers of the Python that runs it."""
    own = {"python_version": "3.11", "python_full_version": PYTHON, "extra": ""}
    environment = {**{name: str(value) for name, value in default_environment().items()}, **own}
    wanted = []
    for block in requirements(lock.read_text()).values():
        line, backslash, hashes = block.partition(" \\\n")
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            wanted.append(line.partition(" ;")[0] + backslash + hashes)
    return "".join(wanted)


def _fetch(lock: Path, folder: Path) -> None:
    chosen = folder / f"{lock.stem}.txt"
    chosen.write_text(_of_base(lock))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
    command += [part for platform in PLATFORMS for part in ("--platform", platform)]
    answer = subprocess.run(
        [*command, "--dest", str(folder), "--requirement", str(chosen)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        told = "\n".join(answer.stderr.splitlines()[-8:])
        raise ToolError(f"The wheels of {lock.name} could not be fetched:\n{told}")
