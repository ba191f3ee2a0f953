"""Change the state of buying orders (stories b-bu-01 to b-po-04, rb-c-01).

What a person does raises IllegalTransition (409) when the lifecycle does not allow it. An event of another domain
is applied when it is due (`apply_event`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.deadlines import end_of_day
from libs.chassis.system_settings import setting
from services.customer import first_orders
from services.customer.buying_orders import publishers
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_orders.rules import LIFECYCLE, missing_products
from services.customer.buying_orders.tables import (
    BuyingOrder,
    BuyingOrderItem,
    BuyingOrderTimelineEntry,
)
from services.customer.donating_orders import sales
from services.customer.lifecycle_events import accept_event
from services.customer.service_clients import HeldItem, Location


def place(
    order_id: str, buyer_id: str, items: Sequence[HeldItem], location: Location, held_until: datetime
) -> BuyingOrder:
    """Place an order for held products; idempotent for an `order_id`."""
    existing = buying_orders.find(order_id)
    if existing is not None:
        return existing
    now = clock.now()
    total = sum((item.price for item in items[1:]), start=items[0].price)
    order = BuyingOrder(
        id=order_id,
        buyer_id=buyer_id,
        state=LIFECYCLE.initial,
        total_amount=total.amount,
        currency=total.currency,
        pickup_location_id=location.id,
        pickup_location_name=location.name,
        pickup_time_zone=location.time_zone,
        placed_at=now,
        expires_at=held_until,
        items=[_build_item(position, item) for position, item in enumerate(items)],
        timeline=[BuyingOrderTimelineEntry(state=LIFECYCLE.initial, at=now)],
        refunds=[],
    )
    try:
        with session().begin_nested():
            session().add(order)
    except IntegrityError:  # placed meanwhile, by its request or by the job that completes it
        existing = buying_orders.find(order_id, locked=True)
        if existing is None:
            raise
        return existing
    publishers.publish_placed(order)
    return order


def _build_item(position: int, item: HeldItem) -> BuyingOrderItem:
    return BuyingOrderItem(
        position=position,
        product_id=item.product_id,
        title=item.title,
        amount=item.price.amount,
        currency=item.price.currency,
    )


def cancel(order: BuyingOrder) -> None:
    """Cancel the order for its buyer, before it is shipped (story rb-c-01); idempotent. IllegalTransition."""
    if order.state != "cancelled":
        apply_transition(order, "cancel")


def force_cancel(order: BuyingOrder, reason: str, *, missing: Collection[str]) -> Collection[str]:
    """Cancel an order that cannot go on and refund its buyer; idempotent. IllegalTransition.

    `reason`: `not_picked_up` or `force_cancelled`. `missing`: its products that are reported as not in the
    warehouse. Returns the products that count as missing.
    """
    if order.state == "cancelled" and order.cancel_reason is not None:
        return missing
    missing = missing_products(order, missing)
    LIFECYCLE.apply(order.state, "force_cancel")
    order.cancel_reason = reason
    apply_transition(order, "force_cancel", missing=missing)
    return missing


def complete(order: BuyingOrder, kept_product_ids: Sequence[str]) -> None:
    """Complete the order after its return window: its buyer keeps these products for good."""
    _change_state(order, "complete")
    publishers.publish_state_changed(order, kept_product_ids)


def apply_event(order_id: str, transition: str) -> None:
    """Apply an event of another domain. LookupError when it is early."""
    order = buying_orders.find(order_id, locked=True)
    if order is not None and (order.state, transition) == ("cancelled", "pick_up"):
        logs.get_logger(__name__).critical("clothes picked up after the order was cancelled", order_id=order_id)
        publishers.publish_picked_up_after_end(order)
        return
    due = accept_event(LIFECYCLE, transition, order_id, order)
    if due is not None:
        apply_transition(due, transition)


def mark_paid(order_id: str, payment_id: str, paid_at: datetime, *, method: str, coins: int | None) -> None:
    """Mark the order as paid, by card or with coins. LookupError while the order is not known."""
    order = buying_orders.find(order_id, locked=True)
    if order is None:
        raise LookupError(f"buying order {order_id} is not known yet")
    if order.payment_id == payment_id:
        return
    if order.state != "placed":
        # Cannot happen while money is captured only for a sold hold (docs/decisions/0008).
        logs.get_logger(__name__).critical("payment captured for an order that is not payable", order_id=order_id)
        return
    order.payment_id = payment_id
    order.paid_at = paid_at
    _change_state(order, "pay")
    publishers.publish_paid(order, method, coins)


def end_without_hold(order_id: str, *, is_cancelled: bool) -> None:
    """End an unpaid order whose products are no longer held: cancelled on request of its buyer, else expired."""
    order = buying_orders.find(order_id, locked=True)
    if order is None or order.state != "placed":
        return
    if is_cancelled:
        apply_transition(order, "cancel")
        return
    _change_state(order, "expire")
    publishers.publish_expired(order)


def remind_to_pick_up(order: BuyingOrder) -> None:
    """Remind the buyer once that the order, which is in its box, leaves it soon."""
    if order.pick_up_until is not None:
        order.pick_up_reminded_at = clock.now()
        session().flush()
        publishers.publish_pick_up_due(order, order.pick_up_until)


def apply_transition(order: BuyingOrder, transition: str, *, missing: Collection[str] = ()) -> None:
    """Apply a transition and publish it. IllegalTransition.

    `missing`: the products of a cancelled order that are not in the warehouse.
    """
    _change_state(order, transition)
    available = [product_id for product_id in order.product_ids if product_id not in missing]
    publishers.publish_state_changed(order, available, missing)


def _change_state(order: BuyingOrder, transition: str) -> None:
    order.state, now = LIFECYCLE.apply(order.state, transition), clock.now()
    order.timeline.append(BuyingOrderTimelineEntry(state=order.state, at=now))
    if order.state == "in_box":
        order.pick_up_until = end_of_day(now, setting("customer.pick_up_days"), order.pickup_time_zone)
    if order.state == "picked_up":
        order.return_until = end_of_day(now, setting("customer.return_window_days"), order.pickup_time_zone)
        order.is_first = first_orders.claim(first_orders.PURCHASE, order.buyer_id, order.id)
    session().flush()
    if order.state == "paid":
        sales.mark_sold(order.product_ids)
    if order.state == "cancelled" and order.previous_state != "placed":  # an unpaid order was no sale
        sales.undo_sale(order.product_ids)
