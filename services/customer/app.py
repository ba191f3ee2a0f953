"""The customer service: profiles and orders of customers."""

from __future__ import annotations

from typing import Any

from libs.chassis import app as chassis
from libs.chassis import service as services
from services.customer.events import registry
from services.customer.models import Base
from services.customer.settings import CustomerSettings

service = services.Service(
    name="customer", settings_class=CustomerSettings, metadata=Base.metadata, events=registry
)


def create_app() -> Any:
    return chassis.create_app(services.start_process("customer"))
