"""Publish that doors were used."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.event_types import DoorUsed
from services.locker.doors.rules import IS_OCCUPIED_AFTER
from services.locker.doors.tables import DoorRight
from services.locker.locations.tables import Location
from services.locker.registry import registry


def publish_door_used(right: DoorRight) -> None:
    """Publish that the purpose of a right is fulfilled."""
    location = session().get_one(Location, right.location_id)
    data = DoorUsed(
        right_id=right.id,
        purpose=right.purpose,
        order_id=right.order_id,
        person_id=right.person_id,
        location_id=location.id,
        location_name=location.name,
        box_id=right.box_id,
        is_occupied=IS_OCCUPIED_AFTER[right.purpose],
        at=clock.rfc3339(right.ended_at or right.created_at),
    )
    registry.publish("locker.door.used.v1", subject=right.id, data=data)
