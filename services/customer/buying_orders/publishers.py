"""The events that customer publishes about buying orders."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from libs.chassis import clock
from libs.chassis.event_types import (
    BuyingOrderExpired,
    BuyingOrderPaid,
    BuyingOrderPickedUpAfterEnd,
    BuyingOrderPickUpDue,
    BuyingOrderPlaced,
    BuyingOrderStateChanged,
)
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.registry import registry


def publish_placed(order: BuyingOrder) -> None:
    data = BuyingOrderPlaced(
        order_id=order.id,
        buyer_id=order.buyer_id,
        product_ids=order.product_ids,
        total=order.total.to_dict(),
        pickup_location_id=order.pickup_location_id,
        placed_at=clock.rfc3339(order.placed_at),
        expires_at=clock.rfc3339(order.expires_at),
    )
    registry.publish("customer.buying_order.placed.v1", subject=order.id, data=data, version=order.version)


def publish_paid(order: BuyingOrder, method: str | None, coins: int | None) -> None:
    """`method` and `coins` are None when they are not known here."""
    if order.payment_id is None or order.paid_at is None:
        raise ValueError(f"buying order {order.id} is not paid")
    data = BuyingOrderPaid(
        order_id=order.id,
        buyer_id=order.buyer_id,
        items=[
            {"product_id": item.product_id, "title": item.title, "price": item.price.to_dict()}
            for item in order.items
        ],
        total=order.total.to_dict(),
        pickup_location_id=order.pickup_location_id,
        pickup_location_name=order.pickup_location_name,
        payment_id=order.payment_id,
        paid_at=clock.rfc3339(order.paid_at),
        method=method,
        coins=coins,
    )
    registry.publish("customer.buying_order.paid.v1", subject=order.id, data=data, version=order.version)


def publish_expired(order: BuyingOrder) -> None:
    data = BuyingOrderExpired(order_id=order.id, buyer_id=order.buyer_id)
    registry.publish("customer.buying_order.expired.v1", subject=order.id, data=data, version=order.version)


def publish_pick_up_due(order: BuyingOrder, pick_up_until: datetime) -> None:
    data = BuyingOrderPickUpDue(
        order_id=order.id,
        buyer_id=order.buyer_id,
        pickup_location_id=order.pickup_location_id,
        pickup_location_name=order.pickup_location_name,
        pick_up_until=clock.rfc3339(pick_up_until),
        time_zone=order.pickup_time_zone,
    )
    registry.publish("customer.buying_order.pick_up_due.v1", subject=order.id, data=data, version=order.version)


def publish_picked_up_after_end(order: BuyingOrder) -> None:
    """Report that the box was offline until the order was cancelled: staff have to speak with the buyer."""
    data = BuyingOrderPickedUpAfterEnd(order_id=order.id, buyer_id=order.buyer_id, at=clock.rfc3339(clock.now()))
    registry.publish(
        "customer.buying_order.picked_up_after_end.v1", subject=order.id, data=data, version=order.version
    )


def publish_state_changed(order: BuyingOrder, product_ids: Iterable[str], missing: Iterable[str] = ()) -> None:
    data = BuyingOrderStateChanged(
        order_id=order.id,
        buyer_id=order.buyer_id,
        state=order.state,
        previous_state=order.timeline[-2].state,
        product_ids=list(product_ids),
        missing_product_ids=list(missing),
        reason=order.cancel_reason,
        total=order.total.to_dict(),
        payment_id=order.payment_id,
        pickup_location_id=order.pickup_location_id,
        pickup_location_name=order.pickup_location_name,
        is_first=order.is_first,
        pick_up_until=clock.rfc3339(order.pick_up_until),
        return_until=clock.rfc3339(order.return_until),
        time_zone=order.pickup_time_zone,
        at=clock.rfc3339(order.state_since),
    )
    registry.publish("customer.buying_order.state_changed.v1", subject=order.id, data=data, version=order.version)


def publish_current_state(order: BuyingOrder) -> None:
    """Publish the event of the order's latest transition again.

    The missing products of a force-cancelled order are not stored: all of them count as missing, so that nothing is
    offered for sale that nobody can pack.
    """
    if order.state == "paid":
        publish_paid(order, method=None, coins=None)
    elif order.state == "expired":
        publish_expired(order)
    elif order.state not in ("placed", "completed"):
        missing = order.product_ids if order.cancel_reason else []
        publish_state_changed(order, [] if missing else order.product_ids, missing)
