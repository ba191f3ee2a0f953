"""Mount the root file system of an image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tools.images.buildah import buildah
from tools.local_platform.from_images import MountedImage


@contextmanager
def mounted(reference: str) -> Iterator[MountedImage]:
    """Mount an image for the time of the block; changes are discarded."""
    container = buildah("from", "--pull-never", reference)
    try:
        root = buildah("mount", container)
        config = json.loads(buildah("inspect", "--type", "image", reference))["Docker"]["config"]
        variables = dict(entry.split("=", 1) for entry in config["Env"])
        yield MountedImage(root, config["Entrypoint"], variables)
    finally:
        buildah("umount", container)
        buildah("rm", container)
