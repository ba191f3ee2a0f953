"""Boxes for packages that are shipped to a location: purchases, and returned donations."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock, logs
from libs.chassis.db import locked_scalar, session
from services.locker.boxes import storage
from services.locker.boxes.events import publish_box_held
from services.locker.boxes.tables import Box
from services.locker.doors import rights
from services.locker.holds import box_holds
from services.locker.holds.rules import DONATION_RETURN, PURCHASE
from services.locker.holds.tables import BoxRequest, Delivery


def hold_for_package(order_id: str, location_id: str, deliveryman_id: str | None = None) -> Box | None:
    """Hold a box for a package, and let the deliveryman put it in if one is given.

    Returns None when the location is full, and the order then waits for a box, or when the delivery has ended.
    """
    if _has_ended(order_id):
        return None
    request = lock_request(order_id)
    is_first_hold = storage.lock_by_order(order_id) is None
    try:
        box = box_holds.hold(order_id, location_id)
    except box_holds.LocationFull:
        _wait_for_box(request, order_id, location_id, deliveryman_id)
        return None
    if request is not None:
        session().delete(request)
    if is_first_hold and order_id.startswith(PURCHASE):
        publish_box_held(box, order_id)
    if deliveryman_id is not None and box.state == "held":
        rights.issue("ship", order_id, deliveryman_id, box)
    return box


def _wait_for_box(request: BoxRequest | None, order_id: str, location_id: str, deliveryman_id: str | None) -> None:
    if request is None:
        request = BoxRequest(order_id=order_id, location_id=location_id)
        session().add(request)
        logs.get_logger(__name__).warning("no free box", location_id=location_id, order_id=order_id)
    request.deliveryman_id = deliveryman_id or request.deliveryman_id


def lock_request(order_id: str) -> BoxRequest | None:
    """Lock the request of an order for a box. It is locked before boxes and rights."""
    return locked_scalar(select(BoxRequest).where(BoxRequest.order_id == order_id))


def serve_request(order_id: str) -> None:
    """Hold a box for an order that waits for one, if there is one by now."""
    request = lock_request(order_id)
    if request is not None:
        hold_for_package(order_id, request.location_id, request.deliveryman_id)


def set_recipient(order_id: str, recipient_id: str) -> None:
    """Store for whom the package is, and let that person pick it up if it is in its box already."""
    delivery = session().get(Delivery, order_id)
    if delivery is None:
        session().add(Delivery(order_id=order_id, recipient_id=recipient_id))
        session().flush()
    elif delivery.ended_at is not None:
        return
    box = storage.lock_by_order(order_id)
    if box is not None and box.state == "occupied":
        rights.issue("pick_up", order_id, recipient_id, box)


def allow_pick_up(order_id: str, box: Box) -> None:
    """Let the recipient take the package out of its box; if the order was cancelled, it awaits a collection."""
    delivery = session().get(Delivery, order_id)
    if delivery is None:
        return
    if delivery.ended_at is None:
        rights.issue("pick_up", order_id, delivery.recipient_id, box)
    else:
        storage.await_collection(box)


def cancel(order_id: str, recipient_id: str) -> None:
    """End the delivery of a cancelled order (story rb-c-01): release its box and void all rights.

    A package that is in its box already awaits a collection.
    """
    request = lock_request(order_id)
    set_recipient(order_id, recipient_id)
    end(order_id)
    if request is not None:
        session().delete(request)
    rights.void_by_order(order_id)
    box_holds.release(order_id)
    box = storage.lock_by_order(order_id)
    if box is not None and box.state == "occupied":
        storage.await_collection(box)


def end(order_id: str) -> None:
    """End the delivery, so that events that arrive late hold no box for it."""
    delivery = session().get(Delivery, order_id)
    if delivery is not None:
        delivery.ended_at = delivery.ended_at or clock.now()


def keeps_hold(order_id: str) -> bool:
    """Whether the order keeps its box though the hold is overdue, because its package is still to come.

    A purchase is to come until its delivery has ended. No event ends a returned donation: it is to come while a
    deliveryman may put it in.
    """
    if order_id.startswith(DONATION_RETURN):
        return rights.has_open_right(order_id, "ship")
    return order_id.startswith(PURCHASE) and not _has_ended(order_id)


def _has_ended(order_id: str) -> bool:
    delivery = session().get(Delivery, order_id)
    return delivery is not None and delivery.ended_at is not None
