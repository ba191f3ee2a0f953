"""The billing service: payments."""

from __future__ import annotations

from libs.chassis.service import Service
from services.billing.consistency import registry
from services.billing.models import Base
from services.billing.settings import BillingSettings

service = Service(name="billing", settings_class=BillingSettings, metadata=Base.metadata, events=registry)
