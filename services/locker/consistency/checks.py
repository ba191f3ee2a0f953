"""Compare boxes with customer and admin: holds of ended orders, and deposits without a collecting order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from libs.chassis.consistency import Check, Knowledge, add_checks, stuck_before
from libs.chassis.db import session
from libs.chassis.event_types import DonatingOrderStateChanged
from libs.chassis.events import Event
from libs.chassis.service_client import peer
from services.locker.boxes import storage
from services.locker.boxes.tables import Box
from services.locker.doors.events import publish_door_used
from services.locker.doors.tables import DoorRight
from services.locker.holds import box_holds, events
from services.locker.holds.rules import DEPOSITED
from services.locker.locations.collection_requests import request_due_collection
from services.locker.locations.tables import Location
from services.locker.registry import registry

ENDED_STATES = frozenset({"cancelled", "expired"})
UNFINISHED_STATES = frozenset({"open", "assigned", "in_progress"})


def find_held_boxes(after: str, limit: int) -> Sequence[str]:
    """Orders for which a box has been held for longer than a submission takes."""
    return _orders_of_boxes(after, limit, Box.state == "held", Box.held_since < stuck_before())


def release_cancelled_donation(event: Event[DonatingOrderStateChanged]) -> None:
    """Release the held box of a cancelled donation, whichever state the donation had before."""
    box_holds.release(event.data["order_id"])


def find_requested_collections(after: str, limit: int) -> Sequence[str]:
    """Orders whose clothes are in a box, and for which a collection was requested."""
    return _orders_of_boxes(
        after,
        limit,
        Box.state == "occupied",
        Box.awaits_collection.is_(False),
        Box.is_reclaimed.is_(False),
        Box.waiting_since < stuck_before(),
        or_(*(Box.held_for_order_id.startswith(prefix, autoescape=True) for prefix in DEPOSITED)),
    )


def _orders_of_boxes(after: str, limit: int, *conditions: ColumnElement[bool]) -> Sequence[str]:
    query = select(Box.held_for_order_id).where(Box.held_for_order_id > after, *conditions)
    order_ids: Any = session().scalars(query.order_by(Box.held_for_order_id).limit(limit))
    return list(order_ids)


def request_collection_again(order_id: str) -> None:
    """Let the box count for the threshold of its location again; the location is locked before its boxes."""
    location_id = session().scalar(select(Box.location_id).where(Box.held_for_order_id == order_id))
    if location_id is None:
        return
    location = session().get_one(Location, location_id, with_for_update=True)
    box = storage.lock_by_order(order_id)
    if box is not None and box.state == "occupied" and not box.is_reclaimed:
        box.awaits_collection = True
        request_due_collection(location)


def _is_collecting(event: Event) -> bool:
    """Whether a work order will empty the box; one that has ended has not emptied it."""
    return event.data["kind"] == "collecting" and event.data["state"] in UNFINISHED_STATES


def _has_ended(event: Event) -> bool:
    return event.data["state"] in ENDED_STATES


@registry.describes("dor", "rdo", "bor", "rbo")
def describe_used_doors(order_id: str) -> Knowledge:
    """Publish for which purposes the doors of an order were used."""
    query = select(DoorRight).where(DoorRight.order_id == order_id).order_by(DoorRight.ended_at, DoorRight.id)
    rights = session().scalars(query).all()
    for right in rights:
        if right.state == "used":
            publish_door_used(right)
    return Knowledge.KNOWN if rights else Knowledge.UNKNOWN


add_checks(
    registry,
    Check(
        name="held_box_without_order",
        peer=lambda: peer("customer"),
        find=find_held_boxes,
        handlers={
            "customer.donating_order.state_changed.v1": release_cancelled_donation,
            "customer.buying_order.state_changed.v1": events.cancel_delivery_of_cancelled_order,
            "customer.buying_return.state_changed.v1": events.apply_state_of_return,
        },
        decides=_has_ended,
        unknown=box_holds.release,
    ),
    Check(
        name="deposit_without_collection",
        peer=lambda: peer("admin"),
        find=find_requested_collections,
        handlers={},
        justifies=_is_collecting,
        unknown=request_collection_again,
        resend=request_collection_again,
    ),
)
