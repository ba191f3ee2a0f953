"""Buying orders: placed, paid, packed, shipped, picked up (stories b-bu-01 to b-po-04)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.money import Money
from libs.chassis.problems import NotFound
from libs.chassis.state_machine import IllegalMove
from services.customer.models import BuyingOrder, BuyingOrderItem, OrderTimelineEntry
from services.customer.registry import registry

MOVES: dict[str, frozenset[str]] = {
    "placed": frozenset({"paid", "expired", "cancelled"}),
    "paid": frozenset({"packing", "cancelled"}),
    "packing": frozenset({"packed", "cancelled"}),
    "packed": frozenset({"shipping", "cancelled"}),
    "shipping": frozenset({"in_box"}),
    "in_box": frozenset({"picked_up"}),
    "picked_up": frozenset({"completed"}),
    "completed": frozenset(),
    "expired": frozenset(),
    "cancelled": frozenset(),
}


@dataclass(frozen=True)
class HeldItem:
    """A product that shopping holds for the order, at the price that counts."""

    product_id: str
    title: str
    price: Money


@dataclass(frozen=True)
class PickupLocation:
    id: str
    name: str


def place(
    order_id: str, buyer_id: str, items: Sequence[HeldItem], location: PickupLocation, held_until: datetime
) -> BuyingOrder:
    """A placed order for held products; the same `order_id` again gives the order that is there."""
    known = find(order_id)
    if known is not None:
        return known
    moment = clock.now()
    total = sum((item.price for item in items[1:]), start=items[0].price)
    order = BuyingOrder(
        id=order_id,
        buyer_id=buyer_id,
        state="placed",
        total_amount=total.amount,
        currency=total.currency,
        pickup_location_id=location.id,
        pickup_location_name=location.name,
        placed_at=moment,
        expires_at=held_until,
        items=[_item(position, item) for position, item in enumerate(items)],
        timeline=[OrderTimelineEntry(state="placed", at=moment)],
    )
    session().add(order)
    session().flush()
    _announce_placed(order)
    return order


def _item(position: int, item: HeldItem) -> BuyingOrderItem:
    return BuyingOrderItem(
        position=position,
        product_id=item.product_id,
        title=item.title,
        amount=item.price.amount,
        currency=item.price.currency,
    )


def move(order: BuyingOrder, state: str) -> None:
    """Bring an order into another state; IllegalMove when the table above does not have that."""
    if state not in MOVES[order.state]:
        raise IllegalMove(f"an order that is {order.state} cannot become {state}")
    order.state = state
    order.timeline.append(OrderTimelineEntry(state=state, at=clock.now()))


def mark_paid(order_id: str, payment_id: str, paid_at: datetime) -> None:
    """The money is taken. An order that is no longer payable is left as it is, loudly."""
    order = find(order_id)
    if order is None:
        raise LookupError(f"order {order_id} is not known yet")
    if order.payment_id == payment_id:
        return
    if order.state != "placed":
        # Cannot happen while money is captured only for a sold hold (docs/decisions/0008).
        logs.get_logger(__name__).critical("money taken for an order that is not payable", order_id=order_id)
        return
    order.payment_id = payment_id
    order.paid_at = paid_at
    move(order, "paid")
    session().flush()
    _announce_paid(order)


def expire(order_id: str) -> None:
    """The hold is gone: a placed order expires, another one stays as it is."""
    order = find(order_id)
    if order is None or order.state != "placed":
        return
    move(order, "expired")
    session().flush()
    data = {"order_id": order.id, "buyer_id": order.buyer_id}
    registry.publish("customer.buying_order.expired.v1", subject=order.id, data=data, version=order.version)


def find(order_id: str) -> BuyingOrder | None:
    whole = (selectinload(BuyingOrder.items), selectinload(BuyingOrder.timeline))
    return session().scalar(select(BuyingOrder).where(BuyingOrder.id == order_id).options(*whole))


def get(order_id: str) -> BuyingOrder:
    """An order by its id; NotFound."""
    order = find(order_id)
    if order is None:
        raise NotFound
    return order


def get_own(order_id: str, buyer_id: str) -> BuyingOrder:
    """An own order; NotFound for somebody else's too (domain rule 5)."""
    order = get(order_id)
    if order.buyer_id != buyer_id:
        raise NotFound
    return order


def _announce_placed(order: BuyingOrder) -> None:
    data = {
        "order_id": order.id,
        "buyer_id": order.buyer_id,
        "product_ids": [item.product_id for item in order.items],
        "total": order.total.to_dict(),
        "pickup_location_id": order.pickup_location_id,
        "placed_at": clock.rfc3339(order.placed_at),
        "expires_at": clock.rfc3339(order.expires_at),
    }
    registry.publish("customer.buying_order.placed.v1", subject=order.id, data=data, version=order.version)


def _announce_paid(order: BuyingOrder) -> None:
    data = {
        "order_id": order.id,
        "buyer_id": order.buyer_id,
        "items": [
            {"product_id": item.product_id, "title": item.title, "price": item.price.to_dict()}
            for item in order.items
        ],
        "total": order.total.to_dict(),
        "pickup_location_id": order.pickup_location_id,
        "pickup_location_name": order.pickup_location_name,
        "payment_id": order.payment_id,
        "paid_at": clock.rfc3339(order.paid_at),
    }
    registry.publish("customer.buying_order.paid.v1", subject=order.id, data=data, version=order.version)
