"""Services that run from the root file systems of their images (`reclothes run --images`).

`tools.images` writes the file of `--images`: for each service the mounted root, the entry point and the environment
of the image.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.local_platform.layout import Layout

USER = 10001
SCRIPT = Path(__file__).with_name("enter-image.sh")


@dataclass(frozen=True)
class MountedImage:
    """An image whose root file system is mounted at `root`."""

    root: str
    entry_point: list[str]
    variables: dict[str, str]

    def command(
        self, arguments: Sequence[str], *, read: Sequence[Path] = (), write: Sequence[Path] = ()
    ) -> tuple[str, ...]:
        """Return the command that runs the entry point; the folders are mounted at their own paths."""
        return self.command_of([*self.entry_point, *arguments], read=read, write=write)

    def command_of(
        self, program: Sequence[str], *, read: Sequence[Path] = (), write: Sequence[Path] = ()
    ) -> tuple[str, ...]:
        """Return the command that runs any program of the image."""
        folders = [*(f"ro:{path}" for path in read), *(f"rw:{path}" for path in write)]
        enter = [shutil.which("unshare") or "unshare", "--mount", "sh", str(SCRIPT), self.root, str(USER)]
        return (*enter, *folders, "--", *program)


def read(file: Path) -> dict[str, MountedImage]:
    """Read the images by service."""
    return {service: MountedImage(**values) for service, values in json.loads(file.read_text()).items()}


def write(file: Path, images: dict[str, MountedImage]) -> None:
    file.write_text(json.dumps({service: vars(image) for service, image in images.items()}, indent=1))


def readable_folders(layout: Layout) -> list[Path]:
    return [layout.secrets_dir]


def writable_folders(layout: Layout) -> list[Path]:
    return [layout.data_dir / "sqlite", layout.run_dir / "heartbeats"]


def grant_access(layout: Layout) -> None:
    """Let the user of the images read the secrets and write to the databases, like the group of a pod's volumes."""
    for folder in readable_folders(layout):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, -1, USER)
            path.chmod(0o750 if path.is_dir() else 0o640)
    for folder in writable_folders(layout):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, USER, USER)
