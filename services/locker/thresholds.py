"""When so many boxes of a location are full, or one for so long, that they are collected.

Stories d-co-01, mf-dob-02, mf-dob-04.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update

from libs.chassis import clock, jobs
from libs.chassis.db import session
from libs.chassis.system_settings import setting
from services.locker.models import Box, Location
from services.locker.registry import registry

MOST_DEPOSITS = 200
MOST_LOCATIONS = 50


def check(location: Location) -> None:
    """Ask for a collection when the location's threshold is reached or a deposit has waited for too long.

    Each deposit is asked for once, to each deliveryman.
    """
    session().flush()
    full = select(Box).where(
        Box.location_id == location.id, Box.state == "occupied", Box.awaits_collection.is_(True)
    )
    waiting = list(session().scalars(full.order_by(Box.id).limit(MOST_DEPOSITS).with_for_update()))
    if not is_due([box.waiting_since for box in waiting], location.threshold, _longest_ago()):
        return
    shares: dict[str | None, list[Box]] = defaultdict(list)
    for box in waiting:
        shares[box.deliveryman_id or location.deliveryman_id].append(box)
        box.awaits_collection = False
    for deliveryman_id, share in shares.items():
        _ask(location, deliveryman_id, share)


def is_due(waiting_since: Sequence[datetime | None], threshold: int, longest_ago: datetime) -> bool:
    """Whether deposits have to be collected: enough of them, or one that has waited since before `longest_ago`."""
    return len(waiting_since) >= threshold or any(
        since is not None and since < longest_ago for since in waiting_since
    )


def _longest_ago() -> datetime:
    return clock.now() - timedelta(days=setting("locker.longest_wait_days"))


def check_waiting() -> None:
    """Ask for the locations where a deposit has waited for too long, though no door is used there."""
    awaits = (Box.state == "occupied", Box.awaits_collection.is_(True))
    # An older version does not write the time down.
    unknown = update(Box).where(*awaits, Box.waiting_since.is_(None))
    session().execute(unknown.values(waiting_since=clock.now()), execution_options={"synchronize_session": False})
    late = select(Box.location_id).where(*awaits, Box.waiting_since < _longest_ago()).distinct()
    session().commit()  # each location has a transaction of its own
    jobs.for_each("collect late deposits", late.order_by(Box.location_id).limit(MOST_LOCATIONS), _check_location)


def _check_location(location_id: str) -> None:
    check(session().get_one(Location, location_id, with_for_update=True))


def _ask(location: Location, deliveryman_id: str | None, share: list[Box]) -> None:
    data = {
        "location_id": location.id,
        "location_name": location.name,
        "area": location.area,
        "deliveryman_id": deliveryman_id,
        "deposits": [{"order_id": box.held_for_order_id, "box_id": box.id} for box in share],
    }
    registry.publish("locker.location.threshold_reached.v1", subject=location.id, data=data)
