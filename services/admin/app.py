"""The admin service: work orders, packages, recycling, employees, system settings, the audit trail."""

from __future__ import annotations

from libs.chassis.service import Service
from services.admin.events import registry
from services.admin.settings import AdminSettings
from services.admin.tables import Base

service = Service(name="admin", settings_class=AdminSettings, metadata=Base.metadata, events=registry)
