"""The tables of the admin service: importing this module defines all of them in `Base.metadata`."""

from __future__ import annotations

import services.admin.audit.tables
import services.admin.checks.tables
import services.admin.employees.tables
import services.admin.packages.tables
import services.admin.recycling.tables
import services.admin.returns.tables
import services.admin.system_settings.tables
import services.admin.work.tables  # noqa: F401
from services.admin.base import Base

__all__ = ["Base"]
