"""Services from the root file systems of their images, not the virtual environment (`reclothes run --images`).

The file that `--images` names is written by `tools.images`: for each service where its root is mounted, how it is
started, and the environment of the image.
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
class Unpacked:
    """An image whose root file system is mounted at `root`."""

    root: str
    entry_point: list[str]
    variables: dict[str, str]

    def command(
        self, arguments: Sequence[str], *, read: Sequence[Path] = (), write: Sequence[Path] = ()
    ) -> tuple[str, ...]:
        """What runs the image's program with `arguments`; it sees the folders at their own paths."""
        return self.command_of([*self.entry_point, *arguments], read=read, write=write)

    def command_of(
        self, program: Sequence[str], *, read: Sequence[Path] = (), write: Sequence[Path] = ()
    ) -> tuple[str, ...]:
        """The same for any program in the image."""
        folders = [*(f"ro:{path}" for path in read), *(f"rw:{path}" for path in write)]
        enter = [shutil.which("unshare") or "unshare", "--mount", "sh", str(SCRIPT), self.root, str(USER)]
        return (*enter, *folders, "--", *program)


def read(file: Path) -> dict[str, Unpacked]:
    """The images by service."""
    return {service: Unpacked(**values) for service, values in json.loads(file.read_text()).items()}


def write(file: Path, images: dict[str, Unpacked]) -> None:
    file.write_text(json.dumps({service: vars(image) for service, image in images.items()}, indent=1))


def folders_to_read(layout: Layout) -> list[Path]:
    return [layout.secrets_dir]


def folders_to_write(layout: Layout) -> list[Path]:
    return [layout.data_dir / "sqlite", layout.run_dir / "heartbeats"]


def hand_over(layout: Layout) -> None:
    """Let the images' user read the secrets and write to the databases, as the group of a pod's volumes may."""
    for folder in folders_to_read(layout):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, -1, USER)
            path.chmod(0o750 if path.is_dir() else 0o640)
    for folder in folders_to_write(layout):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, USER, USER)
