"""The base of the locker service's tables, and its metadata with the tables of all packages."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of this service's tables."""


# The tables register themselves with `Base`, so these imports follow it.
import services.locker.activity.tables  # noqa: E402
import services.locker.boxes.tables  # noqa: E402
import services.locker.controllers.tables  # noqa: E402
import services.locker.doors.tables  # noqa: E402
import services.locker.holds.tables  # noqa: E402
import services.locker.locations.tables  # noqa: E402, F401
