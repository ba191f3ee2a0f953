"""The locker service: drop-off locations and their boxes."""

from __future__ import annotations

from libs.chassis.service import Service
from services.locker.consistency import registry
from services.locker.models import Base
from services.locker.settings import LockerSettings

service = Service(name="locker", settings_class=LockerSettings, metadata=Base.metadata, events=registry)
