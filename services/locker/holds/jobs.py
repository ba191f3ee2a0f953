"""Serve the orders that wait for a box, and release or extend holds that are overdue."""

from __future__ import annotations

from libs.chassis import jobs
from services.locker.boxes import storage
from services.locker.holds import box_holds, deliveries
from services.locker.registry import registry


@registry.every(seconds=15)
def serve_box_requests() -> None:
    jobs.for_each("serve box requests", deliveries.select_servable_requests(), deliveries.serve_request)


@registry.every(seconds=30)
def release_overdue_holds() -> None:
    """Release the holds of deposits that were not made in time; packages that are still to come keep their box."""
    jobs.for_each("release overdue holds", box_holds.select_overdue(), _release_or_extend)


def _release_or_extend(box_id: str) -> None:
    box = storage.lock(box_id)
    if box.held_for_order_id is None or not box_holds.is_overdue(box):
        return
    if deliveries.keeps_hold(box.held_for_order_id):
        box_holds.extend(box)
    else:
        box_holds.release(box.held_for_order_id)
