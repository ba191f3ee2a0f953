"""The tables of the locker service: importing this module defines all of them in `Base.metadata`."""

from __future__ import annotations

import services.locker.activity.tables
import services.locker.boxes.tables
import services.locker.controllers.tables
import services.locker.doors.tables
import services.locker.holds.tables
import services.locker.locations.tables  # noqa: F401
from services.locker.base import Base

__all__ = ["Base"]
