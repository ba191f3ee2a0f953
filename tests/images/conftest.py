"""Images that are really built here, pushed to a registry on this machine, and pulled by their digests.

Two services stand for all: locker needs nothing beside the chassis, billing something of its own. `make images` and
`make demo-images` do the same with all six.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.errors import ToolError
from tools.images import build, registry, rootfs
from tools.images.build import Image, Source
from tools.images.buildah import ensure_programs
from tools.images.registry import Pushed
from tools.local_platform.from_images import MountedImage
from tools.local_platform.real_servers import are_required

SERVICES = ("locker", "billing")


@pytest.fixture(scope="session")
def made_of() -> Source:
    """What the images are made of, as it was when they were built."""
    return build.source()


@pytest.fixture(scope="session")
def built(made_of: Source) -> dict[str, Image]:
    if os.geteuid() != 0 and not are_required():
        pytest.skip("images are built as root here")
    try:
        ensure_programs()
    except ToolError as reason:
        if are_required():
            raise
        pytest.skip(str(reason))
    return {service: build.build(service) for service in SERVICES}


@pytest.fixture(scope="session")
def pushed(built: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pushed]]:
    with registry.running(tmp_path_factory.mktemp("registry")) as host:
        found = {service: registry.push(service, host, "test") for service in built}
        for one in found.values():
            registry.pull(one)
        yield found


@pytest.fixture(scope="session")
def roots(pushed: dict[str, Pushed]) -> Iterator[dict[str, MountedImage]]:
    """The mounted root of each image, as it came back from the registry."""
    locker, billing = (pushed[service].by_digest for service in SERVICES)
    with rootfs.mounted(locker) as first, rootfs.mounted(billing) as second:
        yield {"locker": first, "billing": second}


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return tmp_path / "run"
