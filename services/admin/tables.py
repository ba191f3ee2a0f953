"""The base of the admin service's tables, and its metadata with the tables of all packages."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of this service's tables."""


# The tables register themselves with `Base`, so these imports follow it.
import services.admin.audit.tables  # noqa: E402
import services.admin.checks.tables  # noqa: E402
import services.admin.employees.tables  # noqa: E402
import services.admin.packages.tables  # noqa: E402
import services.admin.recycling.tables  # noqa: E402
import services.admin.returns.tables  # noqa: E402
import services.admin.system_settings.tables  # noqa: E402
import services.admin.work.tables  # noqa: E402, F401
