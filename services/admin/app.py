"""The admin service: work orders, system settings, the audit trail."""

from __future__ import annotations

from typing import Any

from libs.chassis import app as chassis
from libs.chassis import service as services
from services.admin.events import registry
from services.admin.models import Base
from services.admin.settings import AdminSettings

service = services.Service(name="admin", settings_class=AdminSettings, metadata=Base.metadata, events=registry)


def create_app() -> Any:
    return chassis.create_app(services.start_process("admin"))
