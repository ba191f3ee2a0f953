"""Boxes and doors on the way of a package: what the other domains decide comes here as events."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock, jobs, logs
from libs.chassis.db import locked_scalar, session
from services.locker import activity, boxes, door_rights
from services.locker.models import Box, BoxRequest, DoorRight, Location, Recipient
from services.locker.registry import registry


def hold_for_deposit(order_id: str, person_id: str, location_id: str) -> Box:
    """A box for a donation, and the right to open it (story d-pr-04); for a return the box alone. LocationFull."""
    known = boxes.box_of_order(order_id)
    if known is not None and known.location_id != location_id and known.state == "held":
        release(order_id)  # the donor chose another location after the hold had ended
    box = boxes.hold(order_id, location_id)
    if box.state == "held" and not order_id.startswith("rbo_"):
        door_rights.give("deposit", order_id, person_id, box, box.held_until)
    return box


def let_deposit(order_id: str, person_id: str) -> None:
    """The return for which a box is held was made: before that nobody may leave clothes there (rb-r-re-02)."""
    box = boxes.box_of_order(order_id)
    if box is not None and box.state == "held":
        door_rights.give("deposit", order_id, person_id, box, box.held_until)


def hold_for_package(order_id: str, location_id: str, deliveryman_id: str | None = None) -> Box | None:
    """A box for a package on its way; None, and a request that waits, while the location is full.

    With a `deliveryman_id` it is a right to put the package in, too. None for an order that was cancelled.
    """
    if _has_ended(order_id):
        return None
    waiting = _request_of(order_id)
    is_news = boxes.box_of_order(order_id) is None
    try:
        box = boxes.hold(order_id, location_id)
    except boxes.LocationFull:
        if waiting is None:
            waiting = BoxRequest(order_id=order_id, location_id=location_id, requested_at=clock.now())
            session().add(waiting)
            logs.get_logger(__name__).warning("no free box", location_id=location_id, order_id=order_id)
        waiting.deliveryman_id = deliveryman_id or waiting.deliveryman_id
        return None
    if waiting is not None:
        session().delete(waiting)
    if is_news and order_id.startswith("bor_"):
        data = {"box_id": box.id, "location_id": box.location_id, "order_id": order_id}
        registry.publish("locker.box.held.v1", subject=box.id, data=data, version=box.version)
    if deliveryman_id is not None and box.state == "held":
        door_rights.give("ship", order_id, deliveryman_id, box)
    return box


def take_from_assignee(order_id: str, purpose: str) -> None:
    """Nobody has this work on the package for now: neither its box opens for it, nor one that is waited for."""
    waiting = _request_of(order_id)
    if waiting is not None and purpose == "ship":
        waiting.deliveryman_id = None
    door_rights.void_of_order(order_id, purpose)


def _request_of(order_id: str) -> BoxRequest | None:
    """What waits for a box for this order, as it is now. It is locked before boxes and rights."""
    return locked_scalar(select(BoxRequest).where(BoxRequest.order_id == order_id))


def serve_waiting() -> None:
    """Try again for the orders whose location has a free box by now, longest waiting first."""
    free = select(Box.id).where(Box.location_id == BoxRequest.location_id, Box.state == "free")
    waiting = select(BoxRequest.order_id).where(free.exists()).order_by(BoxRequest.requested_at).limit(50)
    jobs.for_each("serve waiting orders", waiting, serve_order)


def serve_order(order_id: str) -> None:
    """Hold a box for an order that waits for one, if there is one by now."""
    request = _request_of(order_id)
    if request is not None:
        hold_for_package(order_id, request.location_id, request.deliveryman_id)


def release(order_id: str) -> None:
    """The order needs no box any more: a held one is free, its rights are void. A full one stays as it is."""
    box = boxes.box_of_order(order_id)
    if box is None or box.state != "held":
        return
    door_rights.void_of_order(order_id)
    boxes.free(box)
    activity.note("released", box.location_id, box_id=box.id, order_id=order_id)


def release_overdue() -> None:
    """Holds for deposits that nobody made in time are over; whoever still needs a box asks for one again."""
    jobs.for_each("release overdue holds", boxes.overdue(100), _release_if_overdue)


def _release_if_overdue(box_id: str) -> None:
    box = boxes.lock(box_id)
    if box.held_for_order_id is None or not boxes.is_overdue(box):
        return
    if _is_under_way(box.held_for_order_id):
        boxes.hold_on(box)
    else:
        release(box.held_for_order_id)


def _is_under_way(order_id: str) -> bool:
    """A package that is packed or shipped keeps its box until it is in it, or its order has ended.

    Nobody tells of the end of a return to a donor: it keeps its box while a deliveryman may put it in.
    """
    if order_id.startswith("rdo_"):
        return door_rights.is_open(order_id, "ship")
    return order_id.startswith("bor_") and not _has_ended(order_id)


def reclaim(order_id: str) -> None:
    """The donor cancels a deposit (story rd-c-02): nobody collects it any more, unless it was taken out already."""
    box = boxes.box_of_order(order_id)
    if box is None or box.state != "occupied":
        return
    box.is_reclaimed, box.awaits_collection = True, False
    door_rights.void_of_order(order_id, "collect")


def let_withdraw(order_id: str, person_id: str) -> None:
    """The donor has paid for the occupied box and may take the clothes out again (story rd-c-03)."""
    reclaim(order_id)
    box = boxes.box_of_order(order_id)
    if box is not None and box.is_reclaimed:
        door_rights.give("withdraw", order_id, person_id, box)


def let_collect(order_id: str, box_id: str, person_id: str) -> None:
    """The deliveryman may take the package out, while it is the one in the box and its donor does not."""
    box = boxes.box_of_order(order_id)
    if box is None or box.id != box_id or box.state != "occupied" or box.is_reclaimed:
        return
    door_rights.give("collect", order_id, person_id, box)


def call_off(order_id: str, person_id: str) -> None:
    """The order was cancelled (story rb-c-01): no box for it, and nobody may open one, whatever comes late.

    A package that lies in a box all the same goes back with the next collection.
    """
    waiting = _request_of(order_id)
    remember_recipient(order_id, person_id)
    _end(order_id)
    if waiting is not None:
        session().delete(waiting)
    door_rights.void_of_order(order_id)
    release(order_id)
    box = boxes.box_of_order(order_id)
    if box is not None and box.state == "occupied":
        boxes.await_collection(box)


def _end(order_id: str) -> None:
    """Late news of the package's way holds no box any more."""
    recipient = session().get(Recipient, order_id)
    if recipient is not None:
        recipient.ended_at = recipient.ended_at or clock.now()


def _has_ended(order_id: str) -> bool:
    recipient = session().get(Recipient, order_id)
    return recipient is not None and recipient.ended_at is not None


def remember_recipient(order_id: str, person_id: str) -> None:
    """Whom the package is for, who may take it out once it is in its box."""
    recipient = session().get(Recipient, order_id)
    if recipient is None:
        session().add(Recipient(order_id=order_id, person_id=person_id))
        session().flush()
    elif recipient.ended_at is not None:
        return
    box = boxes.box_of_order(order_id)
    if box is not None and box.state == "occupied":
        door_rights.give("pick_up", order_id, person_id, box)


def door_closed(right: DoorRight, box: Box, is_occupied: bool) -> bool:
    """The door that a right opened was closed again; whether what it was opened for is done.

    A door that closes on an empty box of a deposit, or on a full one of a collection, has changed nothing. A right
    that ended while the door was open is used if that is done, and stays void if not.
    """
    if door_rights.PURPOSES[right.purpose] != is_occupied:
        return False
    if not (_fill(box, right) if is_occupied else _empty(box, right.order_id)):
        return False
    door_rights.end(right, "used")
    door_rights.void_what_is_done(right.order_id, is_occupied)
    if right.purpose == "deposit":
        boxes.await_collection(box)
    if right.purpose == "ship":
        _let_recipient_in(right.order_id, box)
    if right.purpose == "pick_up":
        _end(right.order_id)
    session().flush()
    announce_used(right)
    return True


def announce_used(right: DoorRight) -> None:
    """Publish that a door was used for what its right was given for."""
    location = session().get_one(Location, right.location_id)
    data = {
        "right_id": right.id,
        "purpose": right.purpose,
        "order_id": right.order_id,
        "person_id": right.person_id,
        "location_id": location.id,
        "location_name": location.name,
        "box_id": right.box_id,
        "is_occupied": door_rights.PURPOSES[right.purpose],
        "at": clock.rfc3339(right.ended_at),
    }
    registry.publish("locker.door.used.v1", subject=right.id, data=data)


def left_too_late(right: DoorRight, box: Box) -> None:
    """A door that counts for nothing closed on clothes in a box that should be empty: nobody opens it on them."""
    if box.state not in ("free", "held"):
        return
    other = box.held_for_order_id
    boxes.shut(box, f"Clothes of {right.order_id} were left in it too late.", right.person_id)
    if other is not None:
        _hold_another(other, box.location_id)


def _fill(box: Box, right: DoorRight) -> bool:
    """What an order's person left in the box counts, though its hold was over by then; False when it cannot.

    An order that has the hold by now gets another box. A box that has a package already keeps that one. If the
    order's package is in another box already, nobody uses this one until staff has looked.
    """
    order_id, other = right.order_id, box.held_for_order_id
    if (box.state, other) == ("held", order_id):
        boxes.fill(box, order_id)
        return True
    _note_unexpected(box, order_id)
    if box.state == "occupied":
        return False
    elsewhere = boxes.box_of_order(order_id)
    is_second = elsewhere is not None and elsewhere.state == "occupied"
    if is_second:
        reason = f"Clothes of {order_id} are in it, and others of that order in another box."
        boxes.shut(box, reason, right.person_id)
    else:
        release(order_id)
        boxes.fill(box, order_id)
    if other not in (None, order_id):
        _hold_another(other, box.location_id)
    return not is_second


def _hold_another(order_id: str, location_id: str) -> None:
    """The box that was held for the order has other clothes in it. Whoever could open it may open the new one."""
    ended = door_rights.void_of_order(order_id)
    person_id = ended[0].person_id if ended else None
    if order_id.startswith(("bor_", "rdo_")):
        hold_for_package(order_id, location_id, person_id)
        return
    try:
        boxes.hold(order_id, location_id)
    except boxes.LocationFull:
        activity.note_anomaly(location_id, "the box of an order was used, and no other is free", order_id=order_id)
        return
    if person_id is not None:
        let_deposit(order_id, person_id)


def _empty(box: Box, order_id: str) -> bool:
    """The package of the order is out of its box; False when it was not in it any more."""
    if (box.state, box.held_for_order_id) == ("occupied", order_id):
        return boxes.free(box)
    _note_unexpected(box, order_id)
    return False


def _note_unexpected(box: Box, order_id: str) -> None:
    activity.note_anomaly(box.location_id, f"a box that is {box.state} was used", box_id=box.id, order_id=order_id)


def _let_recipient_in(order_id: str, box: Box) -> None:
    recipient = session().get(Recipient, order_id)
    if recipient is None:
        return
    if recipient.ended_at is None:
        door_rights.give("pick_up", order_id, recipient.person_id, box)
    else:
        boxes.await_collection(box)
