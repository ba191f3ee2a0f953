"""What admin publishes, the events it handles, and its periodic job."""

from __future__ import annotations

from libs.chassis.events import Event
from libs.chassis.service import NAMES
from services.admin import audit_trail, packing_orders, settings_store
from services.admin.registry import registry

__all__ = ["registry"]

registry.publishes("admin.packing_order.created.v1", "admin.audit.recorded.v1")


@registry.handles("customer.buying_order.paid.v1")
def create_packing_order(event: Event) -> None:
    data = event.data
    packing_orders.create(data["order_id"], data["items"], data["pickup_location_id"])


def add_audit_entry(event: Event) -> None:
    audit_trail.add(event)


for domain in NAMES:
    registry.handles(f"{domain}.audit.recorded.v1")(add_audit_entry)


@registry.every(seconds=10)
def copy_settings() -> None:
    settings_store.copy_all()
