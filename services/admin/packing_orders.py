"""Packing orders: the work that a paid order makes (stories b-pa-01 to b-pa-03)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound
from services.admin.models import PackingOrder
from services.admin.registry import registry

MOVES: dict[str, frozenset[str]] = {
    "open": frozenset({"assigned", "failed"}),
    "assigned": frozenset({"in_progress", "open", "failed"}),
    "in_progress": frozenset({"done", "failed"}),
    "failed": frozenset({"open"}),
    "done": frozenset(),
}


class IllegalMove(Conflict):
    slug, title = "illegal-move", "The packing order cannot do that in its present state"


def move(packing_order: PackingOrder, state: str) -> None:
    """Bring a packing order into another state; IllegalMove when the table above does not have that."""
    if state not in MOVES[packing_order.state]:
        raise IllegalMove(f"a packing order that is {packing_order.state} cannot become {state}")
    packing_order.state = state


def create(order_id: str, items: Sequence[dict[str, str]], pickup_location_id: str) -> PackingOrder:
    """The packing order of a paid order: one, however often it is asked for."""
    known = session().scalar(select(PackingOrder).where(PackingOrder.order_id == order_id))
    if known is not None:
        return known
    packing_order = PackingOrder(
        id=new_id("pko"),
        order_id=order_id,
        state="open",
        items=[{"product_id": item["product_id"], "title": item["title"]} for item in items],
        pickup_location_id=pickup_location_id,
        created_at=clock.now(),
    )
    session().add(packing_order)
    session().flush()
    data = {"packing_order_id": packing_order.id, "order_id": order_id}
    registry.publish("admin.packing_order.created.v1", subject=packing_order.id, data=data)
    return packing_order


def get(packing_order_id: str) -> PackingOrder:
    found = session().get(PackingOrder, packing_order_id)
    if found is None:
        raise NotFound
    return found
