"""Let the deliveryman who is assigned to a work order open the doors of its orders."""

from __future__ import annotations

from libs.chassis.db import session
from services.locker.doors import rights
from services.locker.holds.deliveries import lock_request
from services.locker.holds.tables import AppliedWorkOrder

PURPOSES = {"collecting": "collect", "shipping": "ship"}  # what a door is opened for, by kind of work order


def is_newest(order_id: str, purpose: str, version: int) -> bool:
    """Whether a work order event is newer than those applied before; its version is stored if it is."""
    applied = session().get(AppliedWorkOrder, (order_id, purpose), with_for_update=True)
    if applied is None:
        session().add(AppliedWorkOrder(order_id=order_id, purpose=purpose, version=version))
    elif version > applied.version:
        applied.version = version
    else:
        return False
    session().flush()
    return True


def unassign(order_id: str, purpose: str) -> None:
    """Void the deliveryman's right to collect or ship, also for a box that the order still waits for."""
    request = lock_request(order_id)
    if request is not None and purpose == "ship":
        request.deliveryman_id = None
    rights.void_by_order(order_id, purpose)
