"""Write the activity log of the locations (story mf-dob-01)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.locker.activity.tables import Activity


def record(
    kind: str,
    location_id: str,
    *,
    box_id: str | None = None,
    order_id: str | None = None,
    person_id: str | None = None,
    at: datetime | None = None,
    **details: Any,
) -> None:
    """Add an entry to the log; `at` is the time of the activity, if that was not now."""
    session().add(
        Activity(
            id=new_id("act"),
            location_id=location_id,
            box_id=box_id,
            kind=kind,
            order_id=order_id,
            person_id=person_id,
            details=details,
            at=at or clock.now(),
        )
    )


def record_anomaly(location_id: str, reason: str, **fields: Any) -> None:
    """Record an event that contradicts the state of the location, and log it for the operators."""
    logs.get_logger(__name__).error("box controller anomaly", reason=reason, location=location_id)
    record("anomaly", location_id, reason=reason, **fields)
