"""The images that ours are made from: Debian with Python and little else, and the same with pip to install with.

Where a Docker engine is, the base is `python:3.x-slim` from a registry instead.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from tools.errors import ToolError
from tools.images.buildah import buildah, buildah_command, cache_folder, print_progress

SUITE = "bookworm"
EPOCH = 1_700_000_000
INCLUDED = ("usr-is-merged", "python3", "ca-certificates", "tzdata", "media-types")
# The first step of mmdebstrap brings `usrmerge` and with it all of Perl; `usr-is-merged` says that it is done.
PURGED = (
    *("usrmerge", "libfile-find-rule-perl", "libtext-glob-perl", "libnumber-compare-perl"),
    *("perl", "libperl5.36", "perl-modules-5.36", "libgdbm-compat4", "libgdbm6"),
)
NOT_NEEDED = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/lib/*/gconv/*",
)
# What is only there to install packages with, or to log in with.
REMOVED = (
    "var/cache/debconf",
    "var/log",
    "usr/lib/python3/dist-packages",
    "usr/lib/python3.11/pydoc_data",
    "usr/lib/python3.11/lib2to3",
    "usr/lib/python3.11/test",
    "usr/share/zoneinfo/right",
)


def _recipe() -> list[str]:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in NOT_NEEDED]
    hooks = [f'--customize-hook=chroot "$1" dpkg --purge {" ".join(PURGED)}']
    hooks += [f'--customize-hook=rm -rf "$1/{path}"/*' for path in REMOVED]
    options = ["--mode=root", "--format=tar", "--aptopt=Acquire::Languages=none"]
    chosen = ["--variant=essential", f"--include={','.join(INCLUDED)}"]
    return ["mmdebstrap", *options, *excluded, *hooks, *chosen, SUITE]


def names() -> tuple[str, str]:
    """The local names of the base and of the builder; another recipe gives others."""
    tag = hashlib.sha256("\0".join(_recipe()).encode()).hexdigest()[:12]
    return f"localhost/reclothes-base:{tag}", f"localhost/reclothes-builder:{tag}"


def ensure(wheels: Path, *, refresh: bool = False) -> tuple[str, str]:
    """Both images, made on first use or again when `refresh` asks for Debian's newest packages."""
    base, builder = names()
    if refresh or not _is_there(base):
        _make_base(base)
    if refresh or not _is_there(builder):
        _make_builder(base, builder, wheels)
    return base, builder


def _is_there(name: str) -> bool:
    command = buildah_command("inspect", "--type", "image", name)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _make_base(name: str) -> None:
    print_progress("Making the base: Debian with Python (once, about a minute) …")
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        tar = Path(folder) / "base.tar"
        command = [*_recipe(), str(tar)]
        surroundings = {"SOURCE_DATE_EPOCH": str(EPOCH), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
        if answer.returncode != 0:
            told = "\n".join(answer.stderr.splitlines()[-8:])
            raise ToolError(f"mmdebstrap could not make the base; is Debian to be reached?\n{told}")
        container = buildah("from", "scratch")
        buildah("add", container, str(tar), "/")
        _commit(container, name)


def _make_builder(base: str, name: str, wheels: Path) -> None:
    """The base and pip, unpacked from its wheel: it is pure Python."""
    container = buildah("from", "--pull-never", base)
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        zipfile.ZipFile(max(wheels.glob("pip-*.whl"))).extractall(folder)
        buildah("copy", container, str(Path(folder) / "pip"), "/usr/lib/python3/dist-packages/pip")
        shutil.rmtree(Path(folder) / "pip")
    _commit(container, name)


def _commit(container: str, name: str) -> None:
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    buildah("config", "--env", path, container)
    buildah("commit", "--timestamp", str(EPOCH), "--rm", "--format", "docker", container, name)
