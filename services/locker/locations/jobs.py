"""Request collections of deposits that have waited too long, although no door is used at their location."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import jobs
from libs.chassis.db import session
from services.locker.boxes.tables import Box
from services.locker.locations.collection_requests import latest_start, request_due_collection
from services.locker.locations.tables import Location
from services.locker.registry import registry

BATCH_SIZE = 50


@registry.every(seconds=60)
def request_overdue_collections() -> None:
    overdue = select(Box.location_id).where(
        Box.state == "occupied", Box.awaits_collection.is_(True), Box.waiting_since < latest_start()
    )
    locations = overdue.distinct().order_by(Box.location_id).limit(BATCH_SIZE)
    jobs.for_each("request overdue collections", locations, _request_collection)


def _request_collection(location_id: str) -> None:
    request_due_collection(session().get_one(Location, location_id, with_for_update=True))
