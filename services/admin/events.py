"""What admin publishes; importing this module registers all its handlers, jobs and checks."""

from __future__ import annotations

import services.admin.audit.events
import services.admin.consistency.comparison
import services.admin.employees.events
import services.admin.returns.events
import services.admin.system_settings.jobs
import services.admin.work.events
import services.admin.work.jobs  # noqa: F401
from services.admin.registry import registry

__all__ = ["registry"]

registry.publishes(
    "admin.packing_order.created.v1",
    "admin.work_order.state_changed.v1",
    "admin.work.stopped.v1",
    "admin.return_contact.recorded.v1",
    "admin.handover.recorded.v1",
    "admin.audit.recorded.v1",
)
