"""Comparison with customer and admin: boxes of ended orders, deposits that nobody collects; and used doors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import and_, or_, select

from libs.chassis.consistency import Check, Knowledge, add_checks, stuck_before
from libs.chassis.db import session
from libs.chassis.events import Event
from libs.chassis.service_client import peer
from libs.chassis.system_settings import setting
from services.locker import boxes, events, packages, thresholds
from services.locker.models import Box, DoorRight, Location

registry = events.registry

COLLECTED = ("dor_", "rbo_")
ENDED = frozenset({"cancelled", "expired"})


def held_boxes(after: str, limit: int) -> Sequence[str]:
    """Orders for which a box is held for longer than a submission takes."""
    until = stuck_before() + timedelta(days=setting("locker.box_hold_days"))
    unknown_since = and_(Box.held_since.is_(None), or_(Box.held_until.is_(None), Box.held_until < until))
    held = select(Box.held_for_order_id).where(
        Box.state == "held",
        Box.held_for_order_id > after,
        or_(Box.held_since < stuck_before(), unknown_since),  # an older version did not store `held_since`
    )
    found = session().scalars(held.order_by(Box.held_for_order_id).limit(limit))
    return [order_id for order_id in found if order_id is not None]


def release_cancelled_donation(event: Event) -> None:
    """A held box of a cancelled donation is empty, whatever state the donation had before."""
    packages.release(event.data["order_id"])


def requested_collections(after: str, limit: int) -> Sequence[str]:
    """Orders whose clothes lie in a box, and for which a collection was requested."""
    requested = select(Box.held_for_order_id).where(
        Box.state == "occupied",
        Box.awaits_collection.is_(False),
        Box.is_reclaimed.is_(False),
        Box.waiting_since < stuck_before(),
        Box.held_for_order_id > after,
        or_(*(Box.held_for_order_id.startswith(prefix, autoescape=True) for prefix in COLLECTED)),
    )
    found = session().scalars(requested.order_by(Box.held_for_order_id).limit(limit))
    return [order_id for order_id in found if order_id is not None]


def request_collection_again(order_id: str) -> None:
    """Let the box count for the threshold of its location again; the location is locked before its boxes."""
    location_id = session().scalar(select(Box.location_id).where(Box.held_for_order_id == order_id))
    if location_id is None:
        return
    location = session().get_one(Location, location_id, with_for_update=True)
    box = boxes.box_of_order(order_id)
    if box is not None and box.state == "occupied" and not box.is_reclaimed:
        box.awaits_collection = True
        thresholds.check(location)


def _is_collecting(event: Event) -> bool:
    """Whether it is work that will empty the box; work that is over has not emptied it."""
    return event.data["kind"] == "collecting" and event.data["state"] in ("open", "assigned", "in_progress")


def _ends_order(event: Event) -> bool:
    return event.data["state"] in ENDED


@registry.describes("dor", "rdo", "bor", "rbo")
def describe_doors(order_id: str) -> Knowledge:
    """For what the doors of an order were used."""
    of_order = select(DoorRight).where(DoorRight.order_id == order_id).order_by(DoorRight.ended_at, DoorRight.id)
    rights = session().scalars(of_order).all()
    for right in rights:
        if right.state == "used":
            packages.announce_used(right)
    return Knowledge.KNOWN if rights else Knowledge.UNKNOWN


add_checks(
    registry,
    Check(
        name="held_box_without_order",
        peer=lambda: peer("customer"),
        find=held_boxes,
        handlers={
            "customer.donating_order.state_changed.v1": release_cancelled_donation,
            "customer.buying_order.state_changed.v1": events.follow_cancelled_order,
            "customer.return_buying_order.state_changed.v1": events.follow_return,
        },
        decides=_ends_order,
        unknown=packages.release,
    ),
    Check(
        name="deposit_without_collection",
        peer=lambda: peer("admin"),
        find=requested_collections,
        handlers={},
        justifies=_is_collecting,
        unknown=request_collection_again,
        resend=request_collection_again,
    ),
)
