"""What people do with their work orders, and what follows from it.

Collected packages are checked, packed ones shipped. Every code of a work order is scanned before it can be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.problems import Conflict
from services.admin import assignment, known_returns, work_orders
from services.admin.models import OrderAtWork, WithdrawnOrder, WorkOrder
from services.admin.registry import registry
from services.admin.work_orders import MOVES, NOT_ENDED, IllegalTransition, Part, Place

CANCELLED_BY_BUYER = "the buyer cancelled the order"


class CodesMissing(Conflict):
    slug, title = "codes-missing", "Not every tracking code was scanned"


class ShippingBegan(Conflict):
    slug, title = "shipping-began", "The package is on its way already"


def start(kind: str, work_order_id: str, person_id: str) -> WorkOrder:
    """Begin an own work order before its first code is scanned."""
    work_order = work_orders.lock_own(kind, work_order_id, person_id)
    before = work_order.state
    work_orders.move(work_order, "in_progress")
    audit.record("start_work_order", work_order.id, before={"state": before}, after={"state": work_order.state})
    return work_order


def finish(kind: str, work_order_id: str, person_id: str) -> WorkOrder:
    """Say that an own work order is done; IllegalTransition, CodesMissing."""
    work_order = work_orders.lock_own(kind, work_order_id, person_id)
    before = work_order.state
    end_as_done(work_order)
    audit.record("finish_work_order", work_order.id, before={"state": before}, after={"state": work_order.state})
    return work_order


def fail(kind: str, work_order_id: str, person_id: str, reason: str) -> WorkOrder:
    """Say that an own work order cannot be done, and why; a manager gives it to somebody again."""
    work_order = work_orders.lock_own(kind, work_order_id, person_id)
    before = work_order.state
    work_orders.move(work_order, "failed", reason=reason)
    audit.record(
        "fail_work_order", work_order.id, before={"state": before}, after={"state": "failed", "reason": reason}
    )
    return work_order


def scanned(work_order: WorkOrder, order: OrderAtWork) -> None:
    """The code of one of its packages was scanned by the assignee; the last one ends a collecting order."""
    order.scanned_at = clock.now()
    if work_order.state == "assigned":
        work_orders.move(work_order, "in_progress")
    _finish_if_collected(work_order)


def _finish_if_collected(work_order: WorkOrder) -> None:
    if (
        work_order.kind == "collecting"
        and work_order.state == "in_progress"
        and all(order.scanned_at for order in work_order.live_orders)
    ):
        end_as_done(work_order)


def refuse_unless_scanned(work_order: WorkOrder) -> None:
    """IllegalTransition, CodesMissing."""
    if "done" not in MOVES[work_order.state]:
        first = "; scan its tracking codes first" if work_order.state == "assigned" else ""
        raise IllegalTransition(f"a work order that is {work_order.state} cannot become done{first}")
    missing = sum(order.scanned_at is None for order in work_order.live_orders)
    if missing:
        raise CodesMissing(f"scan {missing} more of its tracking codes first")


def end_as_done(work_order: WorkOrder) -> None:
    """Done, and what comes next is made; IllegalTransition, CodesMissing."""
    refuse_unless_scanned(work_order)
    work_orders.move(work_order, "done")
    place = Place(work_order.location_id, work_order.location_name) if work_order.location_id else None
    for order in work_order.live_orders:
        part = Part(order.order_id, donation_id=order.donation_id, contents=order.contents)
        if work_order.kind == "collecting":
            contents = known_returns.contents_of(order.order_id) or order.contents
            assignment.create("checking", [replace(part, contents=contents)], place)
        elif work_order.kind == "packing" and place is not None:
            known = work_orders.place_of(place.location_id, place.location_name)
            assignment.create("shipping", [part], known)


def shipped(order_id: str) -> None:
    """The locker says that the package lies in its box: the shipping order is done, unless it is already.

    LookupError when there is none yet.
    """
    work_order = work_orders.of_order("shipping", order_id)
    if work_order is None:
        raise LookupError(f"no shipping order of {order_id} is known yet")
    if work_order.state not in ("assigned", "in_progress"):
        return
    for order in work_order.live_orders:
        order.scanned_at = order.scanned_at or clock.now()
    if work_order.state == "assigned":
        work_orders.move(work_order, "in_progress")
    end_as_done(work_order)


def taken(order_id: str) -> None:
    """The locker says that the deliveryman emptied the box: a donation that is cancelled now is collected all the
    same.

    LookupError when there is no collecting order of it yet.
    """
    work_order = work_orders.of_order("collecting", order_id)
    if work_order is None:
        raise LookupError(f"no collecting order of {order_id} is known yet")
    order = _order_in(work_order, order_id)
    order.taken_at = order.taken_at or clock.now()
    if order.dropped_at is None:
        return
    if work_order.state == "failed":
        resume(order_id, "collecting")
    elif work_order.state in NOT_ENDED:
        order.dropped_at = None


def withdraw(order_id: str, kinds: Sequence[str], reason: str) -> None:
    """An order is no longer to be worked on: it leaves its work orders, unless it was taken already."""
    if session().get(WithdrawnOrder, order_id) is None:
        session().add(WithdrawnOrder(id=order_id, withdrawn_at=clock.now()))
    for kind in kinds:
        drop(order_id, kind, reason, unless_taken=kind == "collecting")


def stop(order_id: str) -> None:
    """Nobody packs or ships a buying order that its buyer cancels (story rb-c-01); ShippingBegan.

    Repeated it changes nothing. It is told as well, so that the cancellation is finished after a fault.
    """
    if is_withdrawn(order_id):
        return
    work_orders.of_order("packing", order_id)  # locked, so that no shipping order comes to be meanwhile
    shipping = work_orders.of_order("shipping", order_id)
    if shipping is not None and is_in_transit(shipping):
        raise ShippingBegan("the package left the warehouse; it can be returned after the pick-up")
    call_off(order_id, CANCELLED_BY_BUYER)
    announce_stopped(order_id)


def announce_stopped(order_id: str) -> None:
    """Publish that nobody packs or ships a buying order any more; nothing when its work goes on."""
    withdrawn = session().get(WithdrawnOrder, order_id)
    if withdrawn is not None:
        data = {"order_id": order_id, "at": clock.rfc3339(withdrawn.withdrawn_at)}
        registry.publish("admin.work.stopped.v1", subject=order_id, data=data)


def call_off(order_id: str, reason: str) -> None:
    """A cancelled buying order leaves its work orders, also one that came to be at the very moment of the stop."""
    withdraw(order_id, ["packing", "shipping"], reason)


def is_in_transit(shipping: WorkOrder) -> bool:
    """Whether the deliveryman has the package, or had it: that of a failed one may still lie in the van."""
    return shipping.state in ("in_progress", "done") or any(order.scanned_at for order in shipping.orders)


def is_withdrawn(order_id: str) -> bool:
    return session().get(WithdrawnOrder, order_id) is not None


def drop(order_id: str, kind: str, reason: str, *, unless_taken: bool = False) -> None:
    """Take an order out of its work order, which fails when no other one is in it."""
    work_order = work_orders.of_order(kind, order_id)
    if work_order is None or work_order.state == "done":
        return
    order = _order_in(work_order, order_id)
    is_taken = order.taken_at is not None or order.scanned_at is not None
    if order.dropped_at is not None or (unless_taken and is_taken):
        return
    order.dropped_at = work_order.changed_at = clock.now()
    session().flush()
    if work_order.live_orders:
        _finish_if_collected(work_order)
    elif work_order.state in NOT_ENDED:
        work_orders.move(work_order, "failed", reason=reason)


def _order_in(work_order: WorkOrder, order_id: str) -> OrderAtWork:
    [order] = [order for order in work_order.orders if order.order_id == order_id]
    return order


def resume(order_id: str, kind: str) -> None:
    """Put a dropped order back into its work order, and give that to somebody."""
    work_order = work_orders.of_order(kind, order_id)
    if work_order is None or work_order.state != "failed":
        return
    for order in work_order.orders:
        if order.order_id == order_id:
            order.dropped_at = None
    work_orders.reopen(work_order)
    assignment.assign_open()
