"""Build the image of a service from the Dockerfile with buildah."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tools.errors import ToolError
from tools.images import base, wheels
from tools.images.buildah import buildah, cache_folder, ensure_programs, print_progress
from tools.project import version
from tools.repository import git

LABELS = "org.opencontainers.image"


@dataclass(frozen=True)
class Image:
    """A built image: its configuration and the digests of its layers, the lowest first.

    It contains nothing that differs between builds, such as host name and history.
    """

    service: str
    name: str
    config: dict[str, Any]
    layers: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class Source:
    """The version, commit and time of an image."""

    version: str
    revision: str
    epoch: int

    @property
    def created(self) -> str:
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def source() -> Source:
    """Return the version and the commit with its time; with uncommitted changes the revision ends in -dirty."""
    try:
        revision, epoch = git("log", "-1", "--format=%H %ct").split()
    except ToolError:  # no repository
        return Source(version(), "unknown", base.EPOCH)
    if git("status", "--porcelain"):
        revision += "-dirty"
    return Source(version(), revision, int(epoch))


def local_name(service: str) -> str:
    return f"localhost/reclothes/{service}:latest"


def build(service: str, *, fresh: bool = False, refresh_base: bool = False) -> Image:
    """Build one service's image; `fresh` uses no cached layer, `refresh_base` updates the Debian packages."""
    ensure_programs()
    started = time.monotonic()
    fetched = wheels.ensure()
    from_base, from_builder = base.ensure(fetched, refresh=refresh_base)
    built_from = source()
    arguments = {
        "SERVICE": service,
        "BASE": from_base,
        "BUILDER": from_builder,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/wheels",
        "SOURCE_DATE_EPOCH": str(base.EPOCH),
        "VERSION": built_from.version,
        "REVISION": built_from.revision,
        "CREATED": built_from.created,
    }
    options = [part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")]
    # Buildah reuses a cached LABEL regardless of its build arguments; these labels are compared by value.
    changing = {"version": built_from.version, "revision": built_from.revision, "created": built_from.created}
    options += [part for key, value in changing.items() for part in ("--label", f"{LABELS}.{key}={value}")]
    options += ["--isolation", "chroot", "--format", "docker", "--timestamp", str(base.EPOCH), "--pull-never"]
    options += ["--volume", f"{fetched}:/wheels:ro", "--ignorefile", ".dockerignore"]
    options += ["--layers", *(["--no-cache"] if fresh else [])]
    buildah("bud", *options, "--tag", local_name(service), ".", log=cache_folder() / f"build-{service}.log")
    image = inspect(service)
    print_progress(
        f"{service}: {image.bytes / 1e6:.0f} MB, {len(image.layers)} layers, {time.monotonic() - started:.0f} s"
    )
    return image


def inspect(service: str) -> Image:
    """Return the properties of a built image."""
    name = local_name(service)
    document = json.loads(buildah("inspect", "--type", "image", name))
    layers = tuple(document["Docker"]["rootfs"]["diff_ids"])
    config = {key: value for key, value in document["Docker"]["config"].items() if key != "Hostname"}
    size = json.loads(buildah("images", "--json", name))[0]["size"]
    return Image(service, name, config, layers, _in_bytes(size))


def _in_bytes(size: str) -> int:
    """Convert a size such as `143 MB`."""
    number, unit = size.split()
    return int(float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit.upper()])
