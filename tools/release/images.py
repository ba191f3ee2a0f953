"""Builds and pushes the images that a change concerns, by `make images` and `make push-images`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tools.release.image_inputs import affected_services, changed_files, tag_of
from tools.release.project import ROOT, SERVICES, ReleaseError

Tell = Callable[[str], None]


def concerned(since: str | None) -> list[str]:
    """The services whose image differs from that of the commit `since`; all of them without one."""
    return list(SERVICES) if not since else affected_services(changed_files(since))


def build(since: str | None, tell: Tell) -> None:
    for service in concerned(since):
        tell(f"Image of {service}")
        _make("images", f"SERVICE={service}")


def push(since: str | None, registry: str, tell: Tell) -> None:
    """Push under the commit that each image is of."""
    for service in concerned(since):
        tag = tag_of(service)
        tell(f"{service}: {tag} to {registry}")
        _make("push-images", f"SERVICE={service}", f"TAG={tag}", f"REGISTRY={registry}")


def _make(*arguments: str) -> None:
    command = ["make", "--no-print-directory", *arguments]
    if code := subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise ReleaseError(f"{' '.join(command)} ended with {code}")
