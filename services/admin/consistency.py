"""Comparison with customer: work on orders that have ended, and what admin knows of the work on an order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from libs.chassis.consistency import Check, Knowledge, add_checks, stuck_before
from libs.chassis.db import session
from libs.chassis.events import Event
from libs.chassis.service_client import peer
from services.admin import events, hand_overs, packages, return_contacts, work_orders, work_steps
from services.admin.models import KnownReturn, OrderAtWork, WorkOrder
from services.admin.work_orders import NOT_ENDED

registry = events.registry

KINDS_OF_PURCHASE = ("packing", "shipping")


def purchases_at_work(after: str, limit: int) -> Sequence[str]:
    """Buying orders that are to be packed or shipped."""
    at_work = (
        select(OrderAtWork.order_id)
        .join(WorkOrder, WorkOrder.id == OrderAtWork.work_order_id)
        .where(
            WorkOrder.state.in_(NOT_ENDED),
            WorkOrder.kind.in_(KINDS_OF_PURCHASE),
            WorkOrder.changed_at < stuck_before(),
            OrderAtWork.dropped_at.is_(None),
            OrderAtWork.order_id.startswith("bor_", autoescape=True),
            OrderAtWork.order_id > after,
        )
    )
    return session().scalars(at_work.distinct().order_by(OrderAtWork.order_id).limit(limit)).all()


def _ends_order(event: Event) -> bool:
    return bool(event.data["state"] == "cancelled")


@registry.describes("dor", "rdo", "bor", "rbo")
def describe_work(order_id: str) -> Knowledge:
    """The work orders in which an order is, not those that it has left; and what was decided on it."""
    known = session().scalars(select(OrderAtWork).where(OrderAtWork.order_id == order_id)).all()
    ids = [order.work_order_id for order in known if order.dropped_at is None]
    found = select(WorkOrder).where(WorkOrder.id.in_(ids)).order_by(WorkOrder.created_at, WorkOrder.id)
    for work_order in session().scalars(found):
        work_orders.announce(work_order, None, of_order=order_id)
    _announce_decisions(order_id)
    is_called_off = order_id.startswith("bor_") and work_steps.is_withdrawn(order_id)
    if is_called_off:
        work_steps.announce_stopped(order_id)
    return Knowledge.KNOWN if known or is_called_off else Knowledge.UNKNOWN


def _announce_decisions(order_id: str) -> None:
    """What was agreed on bad clothes of a return, and that an order left for a factory."""
    contact, known = return_contacts.find(order_id), session().get(KnownReturn, order_id)
    if contact is not None and known is not None:
        return_contacts.announce(contact, known)
    package = packages.find_of(order_id)
    if package is not None and package.hand_over_id is not None:
        hand_overs.announce(hand_overs.get(package.hand_over_id), [order_id])


add_checks(
    registry,
    Check(
        name="work_on_cancelled_order",
        peer=lambda: peer("customer"),
        find=purchases_at_work,
        handlers={"customer.buying_order.state_changed.v1": events.call_off_cancelled_order},
        decides=_ends_order,
    ),
)
