"""What customer publishes, and the events it handles."""

from __future__ import annotations

from datetime import datetime

from libs.chassis.events import Event
from services.customer import buying_orders, customers
from services.customer.registry import registry

__all__ = ["registry"]

registry.publishes(
    "customer.buying_order.placed.v1",
    "customer.buying_order.paid.v1",
    "customer.buying_order.expired.v1",
    "customer.audit.recorded.v1",
)


@registry.handles("auth.user.registered.v1")
def create_profile(event: Event) -> None:
    data = event.data
    at = datetime.fromisoformat(event.time)
    customers.register(data["user_id"], data["full_name"], data["consents"], at)


@registry.handles("billing.payment.captured.v1")
def mark_order_paid(event: Event) -> None:
    data = event.data
    captured_at = datetime.fromisoformat(data["captured_at"])
    buying_orders.mark_paid(data["order_id"], data["payment_id"], captured_at)


@registry.handles("shopping.hold.released.v1")
def expire_order(event: Event) -> None:
    buying_orders.expire(event.data["order_id"])
