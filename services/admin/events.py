"""Import this module to register all handlers, jobs and consistency checks of admin."""

from __future__ import annotations

import services.admin.audit.events
import services.admin.consistency.checks
import services.admin.employees.events
import services.admin.returns.events
import services.admin.system_settings.jobs
import services.admin.work.events
import services.admin.work.jobs  # noqa: F401
from services.admin.registry import registry

__all__ = ["registry"]
