"""The base images: a minimal Debian with Python, and the same with pip for the stages that install packages.

With a Docker engine the base is `python:3.x-slim` from a registry instead.
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
# mmdebstrap installs `usrmerge`, which depends on Perl; `usr-is-merged` replaces it.
PURGED = (
    *("usrmerge", "libfile-find-rule-perl", "libtext-glob-perl", "libnumber-compare-perl"),
    *("perl", "libperl5.36", "perl-modules-5.36", "libgdbm-compat4", "libgdbm6"),
)
EXCLUDED_PATHS = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/lib/*/gconv/*",
)
# Directories that only installation and log-in need.
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
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED_PATHS]
    hooks = [f'--customize-hook=chroot "$1" dpkg --purge {" ".join(PURGED)}']
    hooks += [f'--customize-hook=rm -rf "$1/{path}"/*' for path in REMOVED]
    options = ["--mode=root", "--format=tar", "--aptopt=Acquire::Languages=none"]
    chosen = ["--variant=essential", f"--include={','.join(INCLUDED)}"]
    return ["mmdebstrap", *options, *excluded, *hooks, *chosen, SUITE]


def names() -> tuple[str, str]:
    """Return the local names of the base and the builder, which contain a hash of the recipe."""
    tag = hashlib.sha256("\0".join(_recipe()).encode()).hexdigest()[:12]
    return f"localhost/reclothes-base:{tag}", f"localhost/reclothes-builder:{tag}"


def ensure(wheels: Path, *, refresh: bool = False) -> tuple[str, str]:
    """Return both images, which are built on first use, or with new Debian packages if `refresh`."""
    base, builder = names()
    if refresh or not _exists(base):
        _build_base(base)
    if refresh or not _exists(builder):
        _build_builder(base, builder, wheels)
    return base, builder


def _exists(name: str) -> bool:
    command = buildah_command("inspect", "--type", "image", name)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _build_base(name: str) -> None:
    print_progress("Building the base image: Debian with Python (once, about a minute) …")
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        tar = Path(folder) / "base.tar"
        command = [*_recipe(), str(tar)]
        environment = {"SOURCE_DATE_EPOCH": str(EPOCH), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        completed = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if completed.returncode != 0:
            tail = "\n".join(completed.stderr.splitlines()[-8:])
            raise ToolError(f"mmdebstrap failed. Check the connection to Debian's servers.\n{tail}")
        container = buildah("from", "scratch")
        buildah("add", container, str(tar), "/")
        _commit(container, name)


def _build_builder(base: str, name: str, wheels: Path) -> None:
    """Build the base with pip, unpacked from its wheel."""
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
