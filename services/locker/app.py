"""The locker service: drop-off locations and their boxes."""

from __future__ import annotations

from typing import Any

from libs.chassis import app as chassis
from libs.chassis import service as services
from services.locker.events import registry
from services.locker.models import Base
from services.locker.settings import LockerSettings

service = services.Service(name="locker", settings_class=LockerSettings, metadata=Base.metadata, events=registry)


def create_app() -> Any:
    return chassis.create_app(services.start_process("locker"))
