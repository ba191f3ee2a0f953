"""Request collections that are overdue although no door is used at their location."""

from __future__ import annotations

from libs.chassis import jobs
from services.locker.locations import collections
from services.locker.registry import registry


@registry.every(seconds=60)
def request_overdue_collections() -> None:
    due = collections.select_overdue_locations()
    jobs.for_each("request overdue collections", due, collections.request_collection)
