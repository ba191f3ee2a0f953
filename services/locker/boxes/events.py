"""Publish that boxes are held."""

from __future__ import annotations

from libs.chassis.event_types import BoxHeld
from services.locker.boxes.tables import Box
from services.locker.registry import registry


def publish_box_held(box: Box, order_id: str) -> None:
    data = BoxHeld(box_id=box.id, location_id=box.location_id, order_id=order_id)
    registry.publish("locker.box.held.v1", subject=box.id, data=data, version=box.version)
