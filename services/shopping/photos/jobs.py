"""Periodic jobs on photos."""

from __future__ import annotations

from services.shopping.photos import photo_files, rebuild
from services.shopping.registry import registry


@registry.every(seconds=2)
def rebuild_photos() -> None:
    rebuild.rebuild_photos()


@registry.every(seconds=10)
def delete_photo_files() -> None:
    photo_files.delete_due_files()
