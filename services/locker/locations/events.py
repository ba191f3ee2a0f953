"""Publish what happens at locations."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.event_types import LocationThresholdReached, LocationThresholdReachedDeposit
from services.locker.boxes.tables import Box
from services.locker.locations.tables import Location
from services.locker.registry import registry


def publish_threshold_reached(location: Location, deliveryman_id: str | None, boxes: Sequence[Box]) -> None:
    data = LocationThresholdReached(
        location_id=location.id,
        location_name=location.name,
        area=location.area,
        deliveryman_id=deliveryman_id,
        deposits=[
            LocationThresholdReachedDeposit(order_id=box.held_for_order_id, box_id=box.id)
            for box in boxes
            if box.held_for_order_id is not None
        ],
    )
    registry.publish("locker.location.threshold_reached.v1", subject=location.id, data=data)
