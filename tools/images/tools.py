"""The programs that make images without a Docker engine: mmdebstrap, buildah, docker-registry; all from Debian."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from libs.chassis.settings import ROOT
from tools.local_platform.debian import install, may_install, program
from tools.local_platform.problems import CannotRun

PACKAGES = {"mmdebstrap": "mmdebstrap", "buildah": "buildah", "docker-registry": "docker-registry"}


class CannotBuild(CannotRun):
    """Images cannot be built here; the message says what to do."""

    exit_code = 9


def cache_folder() -> Path:
    """Where bases, wheels and layers are kept between builds; it may be deleted at any time."""
    given = os.environ.get("RECLOTHES_IMAGE_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(given) if given else base / "reclothes" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ensure_programs() -> None:
    """Install what is missing when this is root on Debian; CannotBuild with what to do elsewhere."""
    if os.geteuid() != 0:
        raise CannotBuild(
            "Images are built as root here (buildah's isolation by chroot). "
            "With a Docker engine: docker build --build-arg SERVICE=auth ."
        )
    missing = [package for name, package in PACKAGES.items() if program(name) is None]
    if missing and may_install():
        say(f"Installing {', '.join(missing)} from Debian …")
        install(missing)
        missing = [package for name, package in PACKAGES.items() if program(name) is None]
    if missing:
        raise CannotBuild(
            f"{', '.join(missing)} is missing; install it (Debian: apt-get install {' '.join(missing)})."
        )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


@lru_cache(maxsize=1)
def _storage_options() -> tuple[str, ...]:
    folder = cache_folder()
    driver = "overlay" if _overlay_works(folder) else "vfs"
    root, run = folder / f"storage-{driver}", folder / f"run-{driver}"
    return ("--root", str(root), "--runroot", str(run), "--storage-driver", driver)


def _overlay_works(folder: Path) -> bool:
    """Whether the kernel lets us lay one folder over another there; copies of whole layers are the other way."""
    names = [folder / "try" / name for name in ("lower", "upper", "work", "merged")]
    for name in names:
        name.mkdir(parents=True, exist_ok=True)
    lower, upper, work, merged = map(str, names)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    tried = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, merged], capture_output=True, check=False
    )
    if tried.returncode == 0:
        subprocess.run(["umount", merged], check=True)
    return tried.returncode == 0


def buildah_command(*arguments: str) -> list[str]:
    return ["buildah", *_storage_options(), *arguments]


def buildah(*arguments: str, log: Path | None = None) -> str:
    """What buildah prints; CannotBuild with the end of what it said when it fails."""
    answer = subprocess.run(
        buildah_command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, env=_environment()
    )
    if log is not None:
        log.write_text(answer.stdout + answer.stderr)
    if answer.returncode != 0:
        told = "\n".join((answer.stdout + answer.stderr).splitlines()[-15:])
        raise CannotBuild(f"`buildah {arguments[0]}` did not work:\n{told}")
    return answer.stdout.strip()


def _environment() -> dict[str, str]:
    # A chroot in a container without cgroups of its own, and no limits to raise.
    return os.environ | {"BUILDAH_ISOLATION": "chroot", "_BUILDAH_STARTED_IN_USERNS": ""}
