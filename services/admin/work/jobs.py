"""Periodic jobs of work orders."""

from __future__ import annotations

from services.admin.registry import registry
from services.admin.work import assignment


@registry.every(seconds=15)
def assign_open_work_orders() -> None:
    assignment.assign_open()
