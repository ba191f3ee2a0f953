"""The customer service: profiles and orders of customers."""

from __future__ import annotations

from libs.chassis.service import Service
from services.customer.events import registry
from services.customer.settings import CustomerSettings
from services.customer.tables import Base

service = Service(name="customer", settings_class=CustomerSettings, metadata=Base.metadata, events=registry)
