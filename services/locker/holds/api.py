"""Hold a box for a deposit, for the customer service."""

from __future__ import annotations

from typing import Any

from libs.chassis.clock import rfc3339
from libs.chassis.queries import get_row
from services.locker.holds.deposits import hold_for_deposit
from services.locker.locations.tables import Location


def hold_box(body: dict[str, Any]) -> dict[str, Any]:
    location = get_row(Location, body["location_id"], "there is no such location")
    box = hold_for_deposit(body["order_id"], body["person_id"], location.id)
    return {
        "box_id": box.id,
        "box_label": box.label,
        "held_until": rfc3339(box.held_until),
        "location_id": location.id,
        "location_name": location.name,
    }
