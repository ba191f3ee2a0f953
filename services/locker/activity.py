"""What happened at the locations, kept for staff (story mf-dob-01)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.locker.models import Activity

ANOMALY = "anomaly"


def note(
    kind: str,
    location_id: str,
    *,
    box_id: str | None = None,
    order_id: str | None = None,
    person_id: str | None = None,
    at: datetime | None = None,
    **details: Any,
) -> None:
    """Add to the log; `at` is when it happened, if that was not now."""
    entry = Activity(
        id=new_id("act"),
        location_id=location_id,
        box_id=box_id,
        kind=kind,
        order_id=order_id,
        person_id=person_id,
        details=details,
        at=at or clock.now(),
    )
    session().add(entry)


def note_anomaly(location_id: str, reason: str, **more: Any) -> None:
    """Something that should not be: kept, and told to the operators by the log."""
    logs.get_logger(__name__).error(
        "box controller reports what should not be", reason=reason, location=location_id
    )
    note(ANOMALY, location_id, reason=reason, **more)
