"""Serve the orders that wait for a box, and release or extend holds that are overdue."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock, jobs
from services.locker.boxes import storage
from services.locker.boxes.tables import Box
from services.locker.holds import box_holds, deliveries
from services.locker.holds.tables import BoxRequest
from services.locker.registry import registry

MAX_REQUESTS = 50
MAX_HOLDS = 100


@registry.every(seconds=15)
def serve_box_requests() -> None:
    """Hold boxes for the orders that wait at a location which has a free one by now, longest waiting first."""
    free = select(Box.id).where(Box.location_id == BoxRequest.location_id, Box.state == "free")
    servable = select(BoxRequest.order_id).where(free.exists()).order_by(BoxRequest.requested_at)
    jobs.for_each("serve box requests", servable.limit(MAX_REQUESTS), deliveries.serve_request)


@registry.every(seconds=30)
def release_overdue_holds() -> None:
    """Release the holds of deposits that were not made in time; packages that are still to come keep their box."""
    overdue = select(Box.id).where(Box.state == "held", Box.held_until < clock.now()).order_by(Box.id)
    jobs.for_each("release overdue holds", overdue.limit(MAX_HOLDS), _release_or_extend)


def _release_or_extend(box_id: str) -> None:
    box = storage.lock(box_id)
    is_overdue = box.state == "held" and box.held_until is not None and box.held_until < clock.now()
    if box.held_for_order_id is None or not is_overdue:
        return
    if deliveries.keeps_hold(box.held_for_order_id):
        box_holds.extend(box)
    else:
        box_holds.release(box.held_for_order_id)
