"""Request the collection of deposits (stories d-co-01, mf-dob-02, mf-dob-04)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.system_settings import setting
from services.locker.boxes.tables import Box
from services.locker.locations.events import publish_threshold_reached
from services.locker.locations.rules import is_collection_due
from services.locker.locations.tables import Location

MAX_DEPOSITS = 200


def request_due_collection(location: Location) -> None:
    """Request a collection from each deliveryman if the threshold is reached or a deposit has waited too long.

    Each deposit is requested once. The caller holds the lock of the location.
    """
    session().flush()
    deposits = select(Box).where(
        Box.location_id == location.id, Box.state == "occupied", Box.awaits_collection.is_(True)
    )
    waiting = list(session().scalars(deposits.order_by(Box.id).limit(MAX_DEPOSITS).with_for_update()))
    waiting_since = [box.waiting_since for box in waiting if box.waiting_since is not None]
    if not is_collection_due(waiting_since, location.threshold, latest_start()):
        return
    by_deliveryman: dict[str | None, list[Box]] = defaultdict(list)
    for box in waiting:
        by_deliveryman[box.deliveryman_id or location.deliveryman_id].append(box)
        box.awaits_collection = False
    for deliveryman_id, boxes in by_deliveryman.items():
        publish_threshold_reached(location, deliveryman_id, boxes)


def latest_start() -> datetime:
    """A deposit that has waited since before this time is overdue."""
    return clock.now() - timedelta(days=setting("locker.max_deposit_wait_days"))
