"""The billing service: payments."""

from __future__ import annotations

from typing import Any

from libs.chassis import app as chassis
from libs.chassis import service as services
from services.billing.events import registry
from services.billing.models import Base
from services.billing.settings import BillingSettings

service = services.Service(name="billing", settings_class=BillingSettings, metadata=Base.metadata, events=registry)


def create_app() -> Any:
    return chassis.create_app(services.start_process("billing"))
