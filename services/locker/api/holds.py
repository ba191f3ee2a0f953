"""Boxes held for donations, for the customer service."""

from __future__ import annotations

from typing import Any

from libs.chassis.clock import rfc3339
from services.locker import locations, packages


def hold_box(body: dict[str, Any]) -> dict[str, Any]:
    place = locations.get(body["location_id"])
    box = packages.hold_for_deposit(body["order_id"], body["person_id"], body["location_id"])
    held = {"box_id": box.id, "box_label": box.label, "held_until": rfc3339(box.held_until)}
    return held | {"location_id": place.location.id, "location_name": place.location.name}
