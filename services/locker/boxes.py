"""Drop-off boxes: free, held, occupied, out of service."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from libs.chassis import audit, clock, logs
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from libs.chassis.system_settings import setting
from services.locker.models import Box, BoxRequest
from services.locker.registry import registry

MOVES: dict[str, frozenset[str]] = {
    "free": frozenset({"held", "out_of_service"}),
    "held": frozenset({"occupied", "free"}),
    "occupied": frozenset({"free"}),
    "out_of_service": frozenset({"free"}),
}


class IllegalMove(Conflict):
    slug, title = "illegal-move", "The box cannot do that in its present state"


def get(box_id: str) -> Box:
    found = session().get(Box, box_id)
    if found is None:
        raise NotFound
    return found


def change_service(box_id: str, state: str, reason: str | None) -> Box:
    """Take a free box out of service, with a reason, or back; IllegalMove for a held or occupied one."""
    box = get(box_id)
    if state == "out_of_service" and not reason:
        detail = "say why the box is taken out of service"
        raise Unprocessable(detail, errors=[{"pointer": "/reason", "detail": detail}])
    before = _service_of(box)
    by_hand = "out_of_service" in (box.state, state)
    if not (by_hand and _move(box, state)):
        raise IllegalMove(f"a box that is {box.state} cannot become {state} by hand")
    box.out_of_service_reason = reason if state == "out_of_service" else None
    audit.record("update_box", box.id, before=before, after=_service_of(box))
    return box


def _service_of(box: Box) -> dict[str, str | None]:
    return {"state": box.state, "reason": box.out_of_service_reason}


def _move(box: Box, state: str) -> bool:
    """Move the row on from the state we saw; False when MOVES does not have that or somebody was faster."""
    if state not in MOVES[box.state]:
        return False
    seen = update(Box).where(Box.id == box.id, Box.state == box.state, Box.version == box.version)
    moved = session().execute(seen.values(state=state, version=Box.version + 1))
    session().refresh(box)
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]


def hold_for_order(order_id: str, location_id: str) -> Box | None:
    """Hold one free box for the package of an order, once; None, and a request that waits, when none is free."""
    known = session().scalar(select(Box).where(Box.held_for_order_id == order_id))
    if known is not None:
        return known
    box = _take_free_box(location_id)
    waiting = session().get(BoxRequest, order_id)
    if box is None:
        if waiting is None:
            row = BoxRequest(order_id=order_id, location_id=location_id, requested_at=clock.now())
            session().add(row)
            logs.get_logger(__name__).warning("no free box", location_id=location_id, order_id=order_id)
        return None
    if waiting is not None:
        session().delete(waiting)
    box.held_for_order_id = order_id
    box.held_until = clock.now() + timedelta(days=setting("locker.box_hold_days"))
    session().flush()
    data = {"box_id": box.id, "location_id": location_id, "order_id": order_id}
    registry.publish("locker.box.held.v1", subject=box.id, data=data, version=box.version)
    return box


def _take_free_box(location_id: str) -> Box | None:
    """Claim a free box by one UPDATE on its state, so that no box is given twice."""
    while True:
        free = select(Box).where(Box.location_id == location_id, Box.state == "free")
        box = session().scalar(free.order_by(Box.id).limit(1))
        if box is None or _move(box, "held"):
            return box


def serve_waiting() -> None:
    """Try again for the orders whose location has a free box by now, longest waiting first."""
    free = select(Box.id).where(Box.location_id == BoxRequest.location_id, Box.state == "free")
    waiting = select(BoxRequest).where(free.exists()).order_by(BoxRequest.requested_at).limit(50)
    for request in list(session().scalars(waiting)):
        hold_for_order(request.order_id, request.location_id)
