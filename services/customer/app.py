"""The customer service: profiles and orders of customers."""

from __future__ import annotations

from libs.chassis.service import Service
from services.customer.consistency import registry
from services.customer.models import Base
from services.customer.settings import CustomerSettings

service = Service(name="customer", settings_class=CustomerSettings, metadata=Base.metadata, events=registry)
