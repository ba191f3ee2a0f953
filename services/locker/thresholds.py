"""When so many boxes of a location are full that they are collected (stories d-co-01, mf-dob-02, mf-dob-04)."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select

from libs.chassis.db import session
from services.locker.models import Box, Location
from services.locker.registry import registry

MOST_DEPOSITS = 200


def check(location: Location) -> None:
    """Ask for a collection when the location's threshold is reached: each deposit once, to each deliveryman."""
    session().flush()
    full = select(Box).where(
        Box.location_id == location.id, Box.state == "occupied", Box.awaits_collection.is_(True)
    )
    waiting = list(session().scalars(full.order_by(Box.id).limit(MOST_DEPOSITS).with_for_update()))
    if len(waiting) < location.threshold:
        return
    shares: dict[str | None, list[Box]] = defaultdict(list)
    for box in waiting:
        shares[box.deliveryman_id or location.deliveryman_id].append(box)
        box.awaits_collection = False
    for deliveryman_id, share in shares.items():
        _ask(location, deliveryman_id, share)


def _ask(location: Location, deliveryman_id: str | None, share: list[Box]) -> None:
    data = {
        "location_id": location.id,
        "location_name": location.name,
        "area": location.area,
        "deliveryman_id": deliveryman_id,
        "deposits": [{"order_id": box.held_for_order_id, "box_id": box.id} for box in share],
    }
    registry.publish("locker.location.threshold_reached.v1", subject=location.id, data=data)
