"""buildah, which builds and pushes images without a Docker engine, and the other programs that this needs."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from tools.errors import ToolError
from tools.local_platform import debian
from tools.project import ROOT

# Program → Debian package.
PROGRAMS = {"mmdebstrap": "mmdebstrap", "buildah": "buildah", "docker-registry": "docker-registry"}


def cache_folder() -> Path:
    """Where bases, wheels and layers are kept between builds; it may be deleted at any time."""
    configured = os.environ.get("RECLOTHES_IMAGE_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(configured) if configured else base / "reclothes" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ensure_programs() -> None:
    """Install missing programs if this is root on Debian; ToolError with the fix elsewhere."""
    if os.geteuid() != 0:
        raise ToolError(
            "Building images needs root (buildah isolates by chroot). Run this as root, "
            "or use a Docker engine: `docker build --build-arg SERVICE=auth .`."
        )
    if missing := debian.ensure_programs(PROGRAMS):
        raise ToolError(f"Programs are missing. Install them (Debian: `apt-get install {' '.join(missing)}`).")


def print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


@lru_cache(maxsize=1)
def _storage_options() -> tuple[str, ...]:
    folder = cache_folder()
    driver = "overlay" if _overlay_works(folder) else "vfs"
    root, run = folder / f"storage-{driver}", folder / f"run-{driver}"
    return ("--root", str(root), "--runroot", str(run), "--storage-driver", driver)


def _overlay_works(folder: Path) -> bool:
    """Whether the kernel supports overlay mounts there; the alternative copies whole layers."""
    names = [folder / "try" / name for name in ("lower", "upper", "work", "merged")]
    for name in names:
        name.mkdir(parents=True, exist_ok=True)
    lower, upper, work, merged = map(str, names)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mounted = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, merged], capture_output=True, check=False
    )
    if mounted.returncode == 0:
        subprocess.run(["umount", merged], check=True)
    return mounted.returncode == 0


def buildah_command(*arguments: str) -> list[str]:
    return ["buildah", *_storage_options(), *arguments]


def buildah(*arguments: str, log: Path | None = None) -> str:
    """Return the output of buildah; ToolError with the end of its output when it fails."""
    # A chroot in a container without cgroups of its own, and no limits to raise.
    environment = os.environ | {"BUILDAH_ISOLATION": "chroot", "_BUILDAH_STARTED_IN_USERNS": ""}
    completed = subprocess.run(
        buildah_command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    output = completed.stdout + completed.stderr
    if log is not None:
        log.write_text(output)
    if completed.returncode != 0:
        tail = "\n".join(output.splitlines()[-15:])
        raise ToolError(f"`buildah {arguments[0]}` failed:\n{tail}")
    return completed.stdout.strip()
