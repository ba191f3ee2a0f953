"""Donations as admin sees them: deposits to collect, returns to pack, and what is called off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.chassis.db import session
from services.admin import assignment, work_orders, work_steps
from services.admin.models import KnownLocation
from services.admin.work_orders import Part, Place


@dataclass(frozen=True)
class Deposit:
    order_id: str
    box_id: str


def threshold_reached(place: Place, deposits: Sequence[Deposit], at: datetime) -> None:
    """A collecting order for the deposits (story d-co-01) that are not called off, each once."""
    _know(place, at)
    parts = [
        Part(deposit.order_id, box_id=deposit.box_id)
        for deposit in deposits
        if not _is_called_off(deposit.order_id) and work_orders.of_order("collecting", deposit.order_id) is None
    ]
    if parts:
        assignment.create("collecting", parts, place)


def _is_called_off(order_id: str) -> bool:
    """A cancelled buying order that lies in a box all the same has to come back to the warehouse."""
    return not order_id.startswith("bor_") and work_steps.is_withdrawn(order_id)


def _know(place: Place, at: datetime) -> None:
    known = session().get(KnownLocation, place.location_id)
    if known is None:
        known = KnownLocation(id=place.location_id)
        session().add(known)
    elif at < known.heard_at:
        return
    known.name, known.area = place.location_name or "", place.area
    known.deliveryman_id, known.heard_at = place.deliveryman_id, at
    session().flush()


def donation_moved(order_id: str, state: str, previous_state: str | None) -> None:
    """A donation that is cancelled is not collected, one that goes back to its donor not checked."""
    if state in ("cancelling", "cancelled"):
        work_steps.withdraw(order_id, ["collecting"], "the donation was cancelled")
    elif state == "returning":
        work_steps.drop(order_id, "checking", "the donation goes back to its donor")
    elif state == "collected" and previous_state == "returning":
        work_steps.resume(order_id, "checking")


def return_moved(return_id: str, donation_id: str, state: str, place: Place) -> None:
    """A return whose delivery is paid is packed, then shipped (story rd-r-pa-01), unless it is cancelled."""
    if state == "cancelled":
        work_steps.withdraw(return_id, ["packing", "shipping"], "the return was cancelled")
    if state != "paid" or work_steps.is_withdrawn(return_id):
        return
    if work_orders.of_order("packing", return_id) is None:
        known = work_orders.place_of(place.location_id, place.location_name)
        assignment.create("packing", [Part(return_id, donation_id=donation_id)], known)
