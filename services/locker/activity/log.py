"""Write the activity log of the locations (story mf-dob-01)."""

from __future__ import annotations

from typing import Any

from libs.chassis import logs
from libs.chassis.db import session
from services.locker.activity.tables import Activity

COLUMNS = ("box_id", "order_id", "person_id", "at")


def record(kind: str, location_id: str, **fields: Any) -> None:
    """Add an entry to the log.

    `box_id`, `order_id`, `person_id` and `at` (when it happened, if not now) are columns; other fields are details.
    """
    columns = {name: fields.pop(name) for name in COLUMNS if name in fields}
    session().add(Activity(kind=kind, location_id=location_id, details=fields, **columns))


def record_anomaly(location_id: str, reason: str, **fields: Any) -> None:
    """Record an event that contradicts the state of the location, and log it for the operators."""
    logs.get_logger(__name__).error("box controller anomaly", reason=reason, location=location_id)
    record("anomaly", location_id, reason=reason, **fields)
