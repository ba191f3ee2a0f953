"""Apply to a box what its controller reports of the door: clothes were left in it, or taken out of it.

The report is a fact. The box may be held for another order by then: that order gets another box, and what cannot be
assigned to an order is left to staff. No door opens on the clothes of another order.
"""

from __future__ import annotations

from libs.chassis.db import session
from services.locker.activity import log
from services.locker.boxes import maintenance, storage
from services.locker.boxes.tables import Box
from services.locker.doors import rights
from services.locker.doors.events import publish_door_used
from services.locker.doors.rules import IS_OCCUPIED_AFTER
from services.locker.doors.tables import DoorRight
from services.locker.holds import box_holds, deliveries, deposits
from services.locker.holds.rules import SHIPPED


def apply_closed_door(right: DoorRight, box: Box, is_occupied: bool) -> bool:
    """Apply a door that was closed; return whether the purpose of its right is fulfilled.

    A deposit that leaves the box empty or a collection that leaves it full changes nothing: the right stays open,
    or void if it was voided while the door was open. Otherwise the right is used.
    """
    if IS_OCCUPIED_AFTER[right.purpose] != is_occupied:
        return False
    if not (_fill(box, right) if is_occupied else _empty(box, right.order_id)):
        return False
    rights.mark_used(right)
    if right.purpose == "deposit":
        storage.await_collection(box)
    elif right.purpose == "ship":
        deliveries.allow_pick_up(right.order_id, box)
    elif right.purpose == "pick_up":
        deliveries.end(right.order_id)
    session().flush()
    publish_door_used(right)
    return True


def block_late_deposit(right: DoorRight, box: Box) -> None:
    """Take a box out of service, because clothes were left behind a door that was opened too late."""
    if box.state not in ("free", "held"):
        return
    held_for = box.held_for_order_id
    maintenance.block(box, f"Clothes of {right.order_id} were left in it too late.", right.person_id)
    if held_for is not None:
        _hold_another_box(held_for, box.location_id)


def _fill(box: Box, right: DoorRight) -> bool:
    """Assign clothes that were left in a box to the order of the right; False when that is impossible.

    If another order holds the box by now, that order gets another box. An occupied box keeps its package. If the
    order's package is in another box already, this box is out of service until staff has looked.
    """
    order_id, held_for = right.order_id, box.held_for_order_id
    if (box.state, held_for) == ("held", order_id):
        storage.fill(box, order_id)
        return True
    _record_unexpected_use(box, order_id)
    if box.state == "occupied":
        return False
    other_box = storage.lock_by_order(order_id)
    has_second_package = other_box is not None and other_box.state == "occupied"
    if has_second_package:
        reason = f"Clothes of {order_id} are in it, and others of that order in another box."
        maintenance.block(box, reason, right.person_id)
    else:
        box_holds.release(order_id)
        storage.fill(box, order_id)
    if held_for not in (None, order_id):
        _hold_another_box(held_for, box.location_id)
    return not has_second_package


def _hold_another_box(order_id: str, location_id: str) -> None:
    """Hold another box for an order whose box has other clothes in it, with the rights of the same person."""
    voided = rights.void_by_order(order_id)
    person_id = voided[0].person_id if voided else None
    if order_id.startswith(SHIPPED):
        deliveries.hold_for_package(order_id, location_id, person_id)
        return
    try:
        box_holds.hold(order_id, location_id)
    except box_holds.LocationFull:
        reason = "the box of an order was used, and no other is free"
        log.record_anomaly(location_id, reason, order_id=order_id)
        return
    if person_id is not None:
        deposits.allow_deposit(order_id, person_id)


def _empty(box: Box, order_id: str) -> bool:
    """Free the box if it has the package of the order; False when the package was taken out before."""
    if (box.state, box.held_for_order_id) == ("occupied", order_id):
        return storage.free(box)
    _record_unexpected_use(box, order_id)
    return False


def _record_unexpected_use(box: Box, order_id: str) -> None:
    log.record_anomaly(box.location_id, f"a box that is {box.state} was used", box_id=box.id, order_id=order_id)
