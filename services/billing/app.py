"""The billing service."""

from __future__ import annotations

from libs.chassis.service import Service
from services.billing.events import registry
from services.billing.settings import BillingSettings
from services.billing.tables import Base

service = Service(name="billing", settings_class=BillingSettings, metadata=Base.metadata, events=registry)
