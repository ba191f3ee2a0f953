"""What locker publishes, the event it handles, and its periodic job."""

from __future__ import annotations

from libs.chassis.events import Event
from services.locker import boxes
from services.locker.registry import registry

__all__ = ["registry"]

registry.publishes("locker.box.held.v1", "locker.audit.recorded.v1")


@registry.handles("customer.buying_order.paid.v1")
def hold_box_for_package(event: Event) -> None:
    boxes.hold_for_order(event.data["order_id"], event.data["pickup_location_id"])


@registry.every(seconds=15)
def serve_waiting_orders() -> None:
    boxes.serve_waiting()
