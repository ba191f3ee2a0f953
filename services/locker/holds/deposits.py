"""Boxes for clothes that donors and buyers bring: donations, and returns of purchases."""

from __future__ import annotations

from services.locker.boxes import storage
from services.locker.boxes.tables import Box
from services.locker.doors import rights
from services.locker.holds import box_holds
from services.locker.holds.rules import BUYING_RETURN


def hold_for_deposit(order_id: str, person_id: str, location_id: str) -> Box:
    """Hold a box for a donation and let the donor open it (story d-pr-04); for a return hold the box only.

    Raises LocationFull.
    """
    existing = storage.lock_by_order(order_id)
    if existing is not None and existing.location_id != location_id and existing.state == "held":
        box_holds.release(order_id)  # the donor chose another location after the hold had ended
    box = box_holds.hold(order_id, location_id)
    if not order_id.startswith(BUYING_RETURN):
        _allow_deposit(box, order_id, person_id)
    return box


def allow_deposit(order_id: str, person_id: str) -> None:
    """Let the buyer open the held box once the return was created (story rb-r-re-02)."""
    box = storage.lock_by_order(order_id)
    if box is not None:
        _allow_deposit(box, order_id, person_id)


def _allow_deposit(box: Box, order_id: str, person_id: str) -> None:
    if box.state == "held":
        rights.issue("deposit", order_id, person_id, box, box.held_until)


def reclaim(order_id: str) -> Box | None:
    """Stop the collection of a deposit that its donor cancels (story rd-c-02); None if it was collected already."""
    box = storage.lock_by_order(order_id)
    if box is None or box.state != "occupied":
        return None
    box.is_reclaimed, box.awaits_collection = True, False
    rights.void_by_order(order_id, "collect")
    return box


def allow_withdrawal(order_id: str, person_id: str) -> None:
    """Let the donor, who has paid for the occupied box, take the clothes out again (story rd-c-03)."""
    box = reclaim(order_id)
    if box is not None:
        rights.issue("withdraw", order_id, person_id, box)


def allow_collection(order_id: str, box_id: str, deliveryman_id: str) -> None:
    """Let the deliveryman collect the deposit, if it is in that box and its donor has not reclaimed it."""
    box = storage.lock_by_order(order_id)
    if box is None or box.id != box_id or box.state != "occupied" or box.is_reclaimed:
        return
    rights.issue("collect", order_id, deliveryman_id, box)
