"""Periodic jobs of system settings."""

from __future__ import annotations

from services.admin.registry import registry
from services.admin.system_settings import store


@registry.every(seconds=10)
def copy_settings() -> None:
    store.copy_all()
