"""All events, jobs and consistency checks of locker: importing them registers them with the registry."""

from __future__ import annotations

from services.locker.consistency import checks
from services.locker.doors import jobs as door_jobs
from services.locker.holds import events, jobs
from services.locker.locations import jobs as location_jobs
from services.locker.registry import registry

__all__ = ["checks", "door_jobs", "events", "jobs", "location_jobs", "registry"]
