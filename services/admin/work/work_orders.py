"""Create, find, lock and transition work orders.

A work order is locked before anything is decided about it. Each transition publishes
admin.work_order.state_changed.v1.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.problems import NotFound
from libs.chassis.queries import get_row
from libs.chassis.state_machine import IllegalTransition
from services.admin.work.publishers import publish_state
from services.admin.work.rules import LIFECYCLE, require_own
from services.admin.work.tables import IncludedOrder, Location, WorkOrder


@dataclass(frozen=True)
class WorkLocation:
    """The location of a work order, its deliveryman, and the area in which it is."""

    location_id: str
    location_name: str
    area: str | None = None
    deliveryman_id: str | None = None


def create(kind: str, orders: list[IncludedOrder], location: WorkLocation) -> WorkOrder:
    """Create an open work order; no other one of its kind may include any of the orders."""
    now = clock.now()
    work_order = WorkOrder(
        id=new_id("wor"),
        kind=kind,
        state=LIFECYCLE.initial,
        location_id=location.location_id,
        location_name=location.location_name,
        area=location.area,
        deliveryman_id=location.deliveryman_id,
        photo_keys=[],
        created_at=now,
        changed_at=now,
    )
    for position, order in enumerate(orders):
        order.position, order.kind = position, kind
    work_order.orders = orders
    session().add(work_order)
    session().flush()
    for order in orders:
        session().refresh(order, ["package"])
    publish_state(work_order)
    return work_order


def transition(work_order: WorkOrder, state: str, *, reason: str | None = None) -> None:
    """Bring a work order into another state; IllegalTransition when its lifecycle does not allow that."""
    previous = work_order.state
    work_order.state = LIFECYCLE.apply(previous, state)
    work_order.reason, work_order.changed_at = reason, clock.now()
    session().flush()
    publish_state(work_order, previous=previous)


def assign(work_order: WorkOrder, assignee_id: str) -> None:
    """Assign it to a person, who scans every code again. A failed one is reopened first."""
    if work_order.state == "failed":
        reopen(work_order)
    LIFECYCLE.apply(work_order.state, "assigned")  # raises before anything is changed
    _clear_scans(work_order)
    work_order.assignee_id = assignee_id
    transition(work_order, "assigned")


def reopen(work_order: WorkOrder) -> None:
    """Take it from its assignee, or start a failed one again."""
    if not work_order.remaining_orders:
        raise IllegalTransition("no order is left in it")
    LIFECYCLE.apply(work_order.state, "open")  # raises before anything is changed
    _clear_scans(work_order)
    work_order.assignee_id = None
    transition(work_order, "open")


def _clear_scans(work_order: WorkOrder) -> None:
    for order in work_order.orders:
        order.scanned_at = None


def get(work_order_id: str) -> WorkOrder:
    return get_row(WorkOrder, work_order_id, "there is no such work order")


def lock(work_order_id: str) -> WorkOrder:
    """Lock a work order and read its present state; NotFound."""
    work_order = locked_scalar(select(WorkOrder).where(WorkOrder.id == work_order_id))
    if work_order is None:
        raise NotFound("there is no such work order")
    return work_order


def lock_own(kind: str, work_order_id: str, person_id: str) -> WorkOrder:
    """Lock an own work order of this kind; NotFound, also for somebody else's."""
    return require_own(lock(work_order_id), kind, person_id)


def lock_by_order(kind: str, order_id: str) -> WorkOrder | None:
    """Lock the work order of this kind that includes a customer's order."""
    included = select(IncludedOrder.work_order_id).where(
        IncludedOrder.kind == kind, IncludedOrder.order_id == order_id
    )
    work_order_id = session().scalar(included)
    return None if work_order_id is None else lock(work_order_id)


def find_location(location_id: str, location_name: str) -> WorkLocation:
    """A location with its area and deliveryman, if an event described them before."""
    location = session().get(Location, location_id)
    if location is None:
        return WorkLocation(location_id, location_name)
    return WorkLocation(location_id, location_name, location.area, location.deliveryman_id)
