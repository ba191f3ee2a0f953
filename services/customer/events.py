"""What customer publishes, and the events it handles."""

from __future__ import annotations

from datetime import datetime

from libs.chassis.events import Event
from services.customer import buying_orders, customers, donating_orders, donation_returns
from services.customer.registry import registry

__all__ = ["registry"]

registry.publishes(
    "customer.profile.changed.v1",
    "customer.buying_order.placed.v1",
    "customer.buying_order.paid.v1",
    "customer.buying_order.expired.v1",
    "customer.donating_order.moved.v1",
    "customer.return_donating_order.moved.v1",
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


# What a door was used for, as the move that it makes of the order.
MOVES_OF_DOORS = {
    ("deposit", "dor"): "deposit",
    ("withdraw", "dor"): "withdraw",
    ("ship", "rdo"): "put_in_box",
    ("pick_up", "rdo"): "take_out",
}


@registry.handles("locker.door.used.v1")
def follow_door(event: Event) -> None:
    order_id = event.data["order_id"]
    name = MOVES_OF_DOORS.get((event.data["purpose"], order_id[:3]))
    if name is not None:
        _happened(order_id, name)


@registry.handles("admin.work_order.moved.v1")
def follow_work(event: Event) -> None:
    data = event.data
    for order in data["orders"]:
        order_id, kind = order["order_id"], (data["kind"], order["order_id"][:3])
        if kind == ("collecting", "dor") and data["state"] == "done":
            _happened(order_id, "collect")
        elif kind == ("checking", "dor") and data["state"] == "done":
            donating_orders.checked(order_id, data["result"])
        elif kind == ("packing", "rdo") and data["state"] in ("assigned", "in_progress", "done"):
            _happened(order_id, "pack")
        elif kind == ("shipping", "rdo") and data["state"] in ("in_progress", "done"):
            _happened(order_id, "ship")


@registry.handles("admin.hand_over.recorded.v1")
def recycle_donations(event: Event) -> None:
    for order_id in event.data["order_ids"]:
        if order_id.startswith("dor_"):
            _happened(order_id, "recycle")


@registry.handles("billing.fee.paid.v1")
def go_on_with_paid_return(event: Event) -> None:
    if event.data["kind"] == "delivery":
        _happened(event.data["order_id"], "pay")


@registry.handles("shopping.product.published.v1")
def list_donation(event: Event) -> None:
    donation = event.data["donation"]
    if donation is not None:
        donating_orders.product_listed(donation["order_id"], donation["item_id"], event.data["product_id"])


@registry.handles("shopping.product.sold.v1")
def mark_item_sold(event: Event) -> None:
    donation = event.data["donation"]
    if donation is not None:
        donating_orders.product_sold(donation["order_id"], donation["item_id"], event.data["product_id"])


def _happened(order_id: str, name: str) -> None:
    if order_id.startswith("dor_"):
        donating_orders.happened(order_id, name)
    else:
        donation_returns.happened(order_id, name)
