"""Collecting orders: empty the boxes of a location when it reaches its threshold (story d-co-01)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.event_types import LocationThresholdReached, LocationThresholdReachedDeposit
from services.admin.work import assignment, stops, work_orders
from services.admin.work.rules import UNFINISHED_STATES
from services.admin.work.tables import IncludedOrder, Location
from services.admin.work.work_orders import WorkLocation


def create(location: WorkLocation, deposits: Sequence[LocationThresholdReachedDeposit]) -> None:
    """Create a collecting order of the deposits that are not stopped and that no other one includes."""
    orders = [
        IncludedOrder(order_id=deposit["order_id"], box_id=deposit["box_id"])
        for deposit in deposits
        if not _is_stopped(deposit["order_id"])
        and work_orders.lock_by_order("collecting", deposit["order_id"]) is None
    ]
    if orders:
        assignment.create_assigned("collecting", orders, location)


def _is_stopped(order_id: str) -> bool:
    """A cancelled buying order that is in a box nevertheless has to come back to the warehouse."""
    return not order_id.startswith("bor_") and stops.is_stopped(order_id)


def update_location(data: LocationThresholdReached, event_at: datetime) -> None:
    """Store the area and the deliveryman of a location, unless a newer event was applied before."""
    location = session().get(Location, data["location_id"])
    if location is None:
        location = Location(id=data["location_id"])
        session().add(location)
    elif event_at < location.last_event_at:
        return
    location.name, location.area = data["location_name"], data["area"]
    location.deliveryman_id, location.last_event_at = data["deliveryman_id"], event_at
    session().flush()


def record_emptied_box(order_id: str) -> None:
    """Record that the box of an order was emptied: the order is collected, although it may be cancelled meanwhile.

    Raises: LookupError when no collecting order includes it yet.
    """
    work_order = work_orders.lock_by_order("collecting", order_id)
    if work_order is None:
        raise LookupError(f"no collecting order of {order_id} exists yet")
    order = work_order.get_order(order_id)
    order.box_emptied_at = order.box_emptied_at or clock.now()
    if order.removed_at is None:
        return
    if work_order.state == "failed":
        stops.restore(order_id, "collecting")
    elif work_order.state in UNFINISHED_STATES:
        order.removed_at = None
