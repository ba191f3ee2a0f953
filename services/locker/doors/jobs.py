"""Delete what is no longer needed to open doors."""

from __future__ import annotations

from services.locker.doors import codes
from services.locker.registry import registry


@registry.every(seconds=600)
def delete_old_codes() -> None:
    codes.delete_old_codes()
