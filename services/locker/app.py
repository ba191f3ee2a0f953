"""The locker service: drop-off locations, their boxes, and who may open them."""

from __future__ import annotations

from libs.chassis.service import Service
from services.locker.events import registry
from services.locker.settings import LockerSettings
from services.locker.tables import Base

service = Service(name="locker", settings_class=LockerSettings, metadata=Base.metadata, events=registry)
