"""Buying orders: placed, paid, packed, shipped, picked up, completed (stories b-bu-01 to b-po-04, rb-c-01).

What people do raises IllegalTransition (409) when the state does not allow it. What has happened elsewhere (a door
was used, a package was shipped) is a fact: it moves the order, waits for an earlier event, or is stale.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from libs.chassis import clock, logs
from libs.chassis.db import locked_scalar, session
from libs.chassis.deadlines import DEFAULT_TIME_ZONE, end_of_day
from libs.chassis.money import Money
from libs.chassis.problems import NotFound
from libs.chassis.state_machine import EventTiming, StateMachine
from libs.chassis.system_settings import setting
from services.customer import donating_orders
from services.customer.models import BuyingOrder, BuyingOrderItem, FirstPurchase, OrderRefund, OrderTimelineEntry
from services.customer.registry import registry

MACHINE = StateMachine(
    name="buying order",
    initial="placed",
    transitions={
        "pay": {"placed": "paid"},
        "expire": {"placed": "expired"},
        "cancel": dict.fromkeys(("placed", "paid", "packing", "packed"), "cancelled"),
        "begin_packing": {"paid": "packing"},
        "finish_packing": {"packing": "packed"},
        "ship": {"packed": "shipping"},
        "put_in_box": {"shipping": "in_box"},
        "pick_up": {"in_box": "picked_up"},
        "complete": {"picked_up": "completed"},
        # Nobody takes it out of its box, or it is not found any more.
        "give_up": dict.fromkeys(("paid", "packing", "packed", "shipping", "in_box"), "cancelled"),
    },
)
# A packed one can be in a van already, and we not heard yet.
OUT_OF_WAREHOUSE = frozenset({"packed", "shipping", "in_box"})
# These have events of their own.
TOLD_OTHERWISE = frozenset({"paid", "expired"})


@dataclass(frozen=True)
class HeldItem:
    """A product that shopping holds for the order, at the price that counts."""

    product_id: str
    title: str
    price: Money


@dataclass(frozen=True)
class PickupLocation:
    """Where an order is picked up; `time_zone` is its name in the tz database."""

    id: str
    name: str
    time_zone: str = DEFAULT_TIME_ZONE


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
        pickup_time_zone=location.time_zone,
        placed_at=moment,
        expires_at=held_until,
        items=[_item(position, item) for position, item in enumerate(items)],
        timeline=[OrderTimelineEntry(state="placed", at=moment)],
        refunds=[],
    )
    try:
        with session().begin_nested():
            session().add(order)
    except IntegrityError:  # placed meanwhile, by its request or by the job that completes it
        placed = find(order_id, locked=True)
        if placed is None:
            raise
        return placed
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


def move(order: BuyingOrder, name: str, *, missing: Collection[str] = ()) -> None:
    """Make a move and tell of it; IllegalTransition.

    `missing`: the products of an order that ends that are not in the warehouse.
    """
    before, moment = order.state, clock.now()
    order.state = MACHINE.apply(before, name)
    order.timeline.append(OrderTimelineEntry(state=order.state, at=moment))
    if order.state == "in_box":
        order.pick_up_until = end_of_day(moment, setting("customer.pick_up_days"), order.pickup_time_zone)
    if order.state == "picked_up":
        order.return_until = end_of_day(moment, setting("customer.return_window_days"), order.pickup_time_zone)
        order.is_first = _claim_first(order)
    session().flush()
    ids = [item.product_id for item in order.items]
    if order.state == "paid":
        donating_orders.sold(ids)
    if order.state == "cancelled" and before != "placed":  # an unpaid order was no sale
        donating_orders.sale_undone(ids)
    if order.state not in TOLD_OTHERWISE:
        there = [product_id for product_id in ids if product_id not in missing]
        _announce_moved(order, before, there, missing=[product_id for product_id in ids if product_id in missing])


def cancel(order: BuyingOrder) -> None:
    """The buyer takes the order back before it is shipped (story rb-c-01). IllegalTransition.

    Repeated it changes nothing.
    """
    if order.state != "cancelled":
        move(order, "cancel")


def give_up(order: BuyingOrder, reason: str, *, missing: Collection[str]) -> Collection[str]:
    """The order cannot go on: its buyer has the money back. IllegalTransition.

    `reason` is `not_picked_up` or `given_up`; `missing` are its products that are not in the warehouse. All are
    missing once a deliveryman may have them: nobody sells what is in a van or in a box. Returns what is missing.
    Repeated it changes nothing.
    """
    if order.state == "cancelled" and order.cancel_reason is not None:
        return missing
    if order.state in OUT_OF_WAREHOUSE:
        missing = [item.product_id for item in order.items]
    MACHINE.apply(order.state, "give_up")
    order.cancel_reason = reason
    move(order, "give_up", missing=missing)
    return missing


def complete(order: BuyingOrder, kept_product_ids: Sequence[str]) -> None:
    """The return window is over: what the buyer has now, the buyer keeps."""
    before = order.state
    order.state = MACHINE.apply(before, "complete")
    order.timeline.append(OrderTimelineEntry(state=order.state, at=clock.now()))
    session().flush()
    _announce_moved(order, before, kept_product_ids)


def happened(order_id: str, name: str) -> None:
    """Something has happened to the order elsewhere.

    LookupError when something that must have happened before is not known yet: the event is tried again.
    """
    order = find(order_id, locked=True)
    fact = EventTiming.EARLY if order is None else MACHINE.classify(order.state, name)
    if fact == EventTiming.EARLY or order is None:
        raise LookupError(f"buying order {order_id} cannot {name} yet")
    if fact == EventTiming.DUE:
        move(order, name)
    elif (name, order.state) == ("pick_up", "cancelled"):
        logs.get_logger(__name__).critical("clothes taken after their order ended", order_id=order_id)
        _announce_taken_after_end(order)


def mark_paid(order_id: str, payment_id: str, paid_at: datetime, how: Mapping[str, Any]) -> None:
    """The money is taken; `how` is told on. An order that is no longer payable is left as it is, loudly."""
    order = find(order_id, locked=True)
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
    move(order, "pay")
    _announce_paid(order, how)


def lose_hold(order_id: str, *, is_cancelled: bool) -> None:
    """The hold is gone: a placed order is cancelled when its buyer wanted that, else it expires."""
    order = find(order_id, locked=True)
    if order is None or order.state != "placed":
        return
    if is_cancelled:
        move(order, "cancel")
        return
    move(order, "expire")
    _announce_expired(order)


def note_refund(
    refund_id: str,
    order_id: str,
    return_id: str | None,
    amount: Money,
    method: str,
    at: datetime,
    *,
    replaces: str | None,
    payment_id: str,
) -> None:
    """The buyer has something back, in the place of a refund that came back; LookupError while the order is not
    known."""
    if find(order_id, locked=True) is None:  # of two refunds, one is first
        raise LookupError(f"order {order_id} is not known yet")
    known = session().get(OrderRefund, refund_id)
    if known is not None:
        known.payment_id = payment_id  # an older version did not store it
        return
    came_back = session().get(OrderRefund, replaces) if replaces is not None else None
    if came_back is not None:
        session().delete(came_back)
    is_replaced = select(OrderRefund.id).where(OrderRefund.replaces == refund_id)
    if session().scalar(is_replaced) is not None:
        return
    session().add(
        OrderRefund(
            id=refund_id,
            order_id=order_id,
            return_id=return_id,
            payment_id=payment_id,
            replaces=replaces,
            method=method,
            amount=amount.amount,
            currency=amount.currency,
            made_at=at,
        )
    )
    session().flush()


def forget_first(order: BuyingOrder) -> None:
    """A purchase that went back as a whole was none: the next one is the first."""
    found = session().get(FirstPurchase, order.buyer_id)
    if found is not None and found.order_id == order.id:
        session().delete(found)
        session().flush()


def _claim_first(order: BuyingOrder) -> bool:
    """Whether this is the buyer's first pick-up; two at once meet at the primary key, and one is tried again."""
    found = session().get(FirstPurchase, order.buyer_id)
    if found is None:
        session().add(FirstPurchase(buyer_id=order.buyer_id, order_id=order.id))
        return True
    return found.order_id == order.id


PARTS = (
    selectinload(BuyingOrder.items),
    selectinload(BuyingOrder.timeline),
    selectinload(BuyingOrder.refunds),
)


def find(order_id: str, *, locked: bool = False) -> BuyingOrder | None:
    """The order with its items, timeline and refunds; `locked` until the end of the unit of work."""
    statement = select(BuyingOrder).where(BuyingOrder.id == order_id).options(*PARTS)
    if not locked:
        return session().scalar(statement)
    return locked_scalar(statement)


def get(order_id: str) -> BuyingOrder:
    """An order by its id; NotFound."""
    order = find(order_id)
    if order is None:
        raise NotFound
    return order


def get_locked(order_id: str) -> BuyingOrder:
    """The same, locked."""
    order = find(order_id, locked=True)
    if order is None:
        raise NotFound
    return order


def get_own(order_id: str, buyer_id: str, *, locked: bool = False) -> BuyingOrder:
    """An own order; NotFound for somebody else's too (domain rule 5)."""
    order = find(order_id, locked=locked)
    if order is None or order.buyer_id != buyer_id:
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


def announce_again(order: BuyingOrder) -> None:
    """Publish the event of the present state of an order once more.

    The missing products of an order that was given up are not stored: all of them count as missing, so that nothing
    is offered for sale that nobody can pack.
    """
    ids = [item.product_id for item in order.items]
    if order.state == "paid":
        _announce_paid(order, {"method": None, "coins": None})
    elif order.state == "expired":
        _announce_expired(order)
    elif order.state not in ("placed", "completed"):
        there = [] if order.cancel_reason else ids
        _announce_moved(order, order.timeline[-2].state, there, missing=ids if order.cancel_reason else [])


def _announce_expired(order: BuyingOrder) -> None:
    data = {"order_id": order.id, "buyer_id": order.buyer_id}
    registry.publish("customer.buying_order.expired.v1", subject=order.id, data=data, version=order.version)


def _announce_paid(order: BuyingOrder, how: Mapping[str, Any]) -> None:
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
        **how,
    }
    registry.publish("customer.buying_order.paid.v1", subject=order.id, data=data, version=order.version)


def _announce_taken_after_end(order: BuyingOrder) -> None:
    """Its box was without a network until the order had ended: staff have to speak with the buyer."""
    data = {"order_id": order.id, "buyer_id": order.buyer_id, "at": clock.rfc3339(clock.now())}
    registry.publish(
        "customer.buying_order.picked_up_after_end.v1", subject=order.id, data=data, version=order.version
    )


def remind(order: BuyingOrder) -> None:
    """The order lies in its box and its time is nearly over; told once."""
    order.pick_up_reminded_at = clock.now()
    session().flush()
    data = {
        "order_id": order.id,
        "buyer_id": order.buyer_id,
        "pickup_location_id": order.pickup_location_id,
        "pickup_location_name": order.pickup_location_name,
        "pick_up_until": clock.rfc3339(order.pick_up_until),
        "time_zone": order.pickup_time_zone,
    }
    registry.publish("customer.buying_order.pick_up_due.v1", subject=order.id, data=data, version=order.version)


def _announce_moved(
    order: BuyingOrder, before: str, product_ids: Iterable[str], *, missing: Iterable[str] = ()
) -> None:
    data = {
        "order_id": order.id,
        "buyer_id": order.buyer_id,
        "state": order.state,
        "previous_state": before,
        "product_ids": list(product_ids),
        "missing_product_ids": list(missing),
        "reason": order.cancel_reason,
        "total": order.total.to_dict(),
        "payment_id": order.payment_id,
        "pickup_location_id": order.pickup_location_id,
        "pickup_location_name": order.pickup_location_name,
        "is_first": order.is_first,
        "pick_up_until": clock.rfc3339(order.pick_up_until),
        "return_until": clock.rfc3339(order.return_until),
        "time_zone": order.pickup_time_zone,
        "at": clock.rfc3339(order.timeline[-1].at),
    }
    registry.publish("customer.buying_order.state_changed.v1", subject=order.id, data=data, version=order.version)
