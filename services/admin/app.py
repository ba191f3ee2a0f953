"""The admin service: work orders, system settings, the audit trail."""

from __future__ import annotations

from libs.chassis.service import Service
from services.admin.consistency import registry
from services.admin.models import Base
from services.admin.settings import AdminSettings

service = Service(name="admin", settings_class=AdminSettings, metadata=Base.metadata, events=registry)
