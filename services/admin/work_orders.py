"""Work orders: collecting, checking, packing and shipping, one machine of states for all four.

A work order is locked before anything is decided about it. Each transition publishes
admin.work_order.state_changed.v1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound
from services.admin.models import KnownLocation, OrderAtWork, WorkOrder
from services.admin.registry import registry

KINDS = ("collecting", "checking", "packing", "shipping")

# From assigned to assigned it goes to another person.
MOVES: dict[str, frozenset[str]] = {
    "open": frozenset({"assigned", "failed"}),
    "assigned": frozenset({"assigned", "in_progress", "open", "failed"}),
    "in_progress": frozenset({"assigned", "open", "done", "failed"}),
    "failed": frozenset({"open"}),
    "done": frozenset(),
}
AT_WORK = ("assigned", "in_progress")
NOT_ENDED = ("open", *AT_WORK)


class IllegalTransition(Conflict):
    slug, title = "illegal-transition", "The work order cannot do that in its present state"


@dataclass(frozen=True)
class Part:
    """A customer's order that is to be in a work order; `contents` are its products."""

    order_id: str
    box_id: str | None = None
    donation_id: str | None = None
    contents: Sequence[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """The location that a work order is about, whose it is, and the area it lies in."""

    location_id: str
    location_name: str | None = None
    area: str | None = None
    deliveryman_id: str | None = None


def create(kind: str, parts: Sequence[Part], place: Place | None) -> WorkOrder:
    """An open work order; no order may be in another one of this kind."""
    moment = clock.now()
    work_order = WorkOrder(
        id=new_id("wor"),
        kind=kind,
        state="open",
        photo_keys=[],
        created_at=moment,
        changed_at=moment,
    )
    if place is not None:
        work_order.location_id, work_order.location_name = place.location_id, place.location_name
        work_order.area, work_order.deliveryman_id = place.area, place.deliveryman_id
    work_order.orders = [
        OrderAtWork(
            position=position,
            order_id=part.order_id,
            kind=kind,
            donation_id=part.donation_id,
            box_id=part.box_id,
            contents=list(part.contents),
        )
        for position, part in enumerate(parts)
    ]
    session().add(work_order)
    session().flush()
    for order in work_order.orders:
        session().refresh(order, ["package"])
    announce(work_order, None)
    return work_order


def move(work_order: WorkOrder, state: str, *, reason: str | None = None) -> None:
    """Bring a work order into another state; IllegalTransition when the table above does not have that."""
    _refuse_unless_legal(work_order, state)
    previous = work_order.state
    work_order.state, work_order.reason, work_order.changed_at = state, reason, clock.now()
    session().flush()
    announce(work_order, previous)


def assign(work_order: WorkOrder, assignee_id: str) -> None:
    """Give it to a person, who scans every code anew. A failed one is opened again first."""
    if work_order.state == "failed":
        reopen(work_order)
    _refuse_unless_legal(work_order, "assigned")
    _forget_scans(work_order)
    work_order.assignee_id = assignee_id
    move(work_order, "assigned")


def reopen(work_order: WorkOrder) -> None:
    """Take it from its assignee, or begin a failed one anew."""
    if not work_order.live_orders:
        raise IllegalTransition("no order is left in it")
    _refuse_unless_legal(work_order, "open")
    _forget_scans(work_order)
    work_order.assignee_id = None
    move(work_order, "open")


def _forget_scans(work_order: WorkOrder) -> None:
    for order in work_order.orders:
        order.scanned_at = None


def _refuse_unless_legal(work_order: WorkOrder, state: str) -> None:
    if state not in MOVES[work_order.state]:
        raise IllegalTransition(f"a work order that is {work_order.state} cannot become {state}")


def get(work_order_id: str) -> WorkOrder:
    found = session().get(WorkOrder, work_order_id)
    if found is None:
        raise NotFound("there is no such work order")
    return found


def locked(work_order_id: str) -> WorkOrder:
    """A work order as it is now, locked; NotFound."""
    found = locked_scalar(select(WorkOrder).where(WorkOrder.id == work_order_id))
    if found is None:
        raise NotFound("there is no such work order")
    return found


def get_own(kind: str, work_order_id: str, person_id: str) -> WorkOrder:
    """An own work order of this kind; NotFound for somebody else's too (domain rule 5)."""
    return refuse_unless_own(get(work_order_id), kind, person_id)


def lock_own(kind: str, work_order_id: str, person_id: str) -> WorkOrder:
    """The same, as it is now, locked."""
    return refuse_unless_own(locked(work_order_id), kind, person_id)


def refuse_unless_own(work_order: WorkOrder, kind: str, person_id: str) -> WorkOrder:
    """The work order, if it is one of this kind and assigned to this person; NotFound."""
    if work_order.kind != kind or work_order.assignee_id != person_id:
        raise NotFound("there is no such work order")
    return work_order


def of_order(kind: str, order_id: str) -> WorkOrder | None:
    """The work order of this kind that a customer's order is in, locked."""
    where = (OrderAtWork.kind == kind, OrderAtWork.order_id == order_id)
    found = session().scalar(select(OrderAtWork.work_order_id).where(*where))
    return None if found is None else locked(found)


def place_of(location_id: str, location_name: str | None = None) -> Place:
    """A location with the area and the deliveryman that were heard of last."""
    known = session().get(KnownLocation, location_id)
    if known is None:
        return Place(location_id, location_name)
    return Place(location_id, location_name or known.name, known.area, known.deliveryman_id)


def announce(work_order: WorkOrder, previous: str | None, *, of_order: str | None = None) -> None:
    """Publish the state of a work order, into which it came from `previous`; of one of its orders or of all."""
    orders = work_order.live_orders or work_order.orders
    if of_order is not None:
        orders = [order for order in work_order.orders if order.order_id == of_order]
    data = {
        "work_order_id": work_order.id,
        "kind": work_order.kind,
        "state": work_order.state,
        "previous_state": previous,
        "assignee_id": work_order.assignee_id,
        "location_id": work_order.location_id,
        "location_name": work_order.location_name,
        "orders": [_told(order) for order in orders],
        "result": work_order.result,
        "reason": work_order.reason,
        "at": clock.rfc3339(work_order.changed_at),
    }
    registry.publish(
        "admin.work_order.state_changed.v1", subject=work_order.id, data=data, version=work_order.version
    )


def _told(order: OrderAtWork) -> dict[str, Any]:
    code = order.package.tracking_code if order.package else None
    checked = [piece for piece in order.contents if "result" in piece]
    products = [{name: piece[name] for name in ("product_id", "result", "reason")} for piece in checked]
    return {"order_id": order.order_id, "box_id": order.box_id, "tracking_code": code, "products": products}
