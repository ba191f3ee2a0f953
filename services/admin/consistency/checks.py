"""Comparison with customer: work on cancelled orders, and what customer reads about the work on an order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from libs.chassis.consistency import Check, Knowledge, add_checks, stuck_before
from libs.chassis.db import session
from libs.chassis.event_types import BuyingOrderStateChanged
from libs.chassis.events import Event
from libs.chassis.service_client import peer
from services.admin.packages import packages
from services.admin.recycling import handovers
from services.admin.recycling.events import publish_handover
from services.admin.registry import registry
from services.admin.returns import contacts
from services.admin.returns.events import publish_return_contact
from services.admin.returns.tables import BuyingReturn
from services.admin.work import stops
from services.admin.work.events import stop_cancelled_buying_order
from services.admin.work.publishers import publish_state, publish_stop
from services.admin.work.rules import UNFINISHED_STATES
from services.admin.work.tables import IncludedOrder, WorkOrder


def find_unfinished_buying_orders(after: str, limit: int) -> Sequence[str]:
    """Buying orders that are to be packed or shipped."""
    unfinished = (
        select(IncludedOrder.order_id)
        .join(WorkOrder, WorkOrder.id == IncludedOrder.work_order_id)
        .where(
            WorkOrder.state.in_(UNFINISHED_STATES),
            WorkOrder.kind.in_(("packing", "shipping")),
            WorkOrder.changed_at < stuck_before(),
            IncludedOrder.removed_at.is_(None),
            IncludedOrder.order_id.startswith("bor_", autoescape=True),
            IncludedOrder.order_id > after,
        )
    )
    return session().scalars(unfinished.distinct().order_by(IncludedOrder.order_id).limit(limit)).all()


def _is_cancellation(event: Event[BuyingOrderStateChanged]) -> bool:
    return event.data["state"] == "cancelled"


@registry.describes("dor", "rdo", "bor", "rbo")
def describe_work(order_id: str) -> Knowledge:
    """Describe the work on an order, and what was decided on it, by the events that published them."""
    included = session().scalars(select(IncludedOrder).where(IncludedOrder.order_id == order_id)).all()
    ids = [order.work_order_id for order in included if order.removed_at is None]
    current = select(WorkOrder).where(WorkOrder.id.in_(ids)).order_by(WorkOrder.created_at, WorkOrder.id)
    for work_order in session().scalars(current):
        publish_state(work_order, only_order=order_id)
    _publish_decisions(order_id)
    stopped = stops.find(order_id) if order_id.startswith("bor_") else None
    if stopped is not None:
        publish_stop(stopped)
    return Knowledge.KNOWN if included or stopped else Knowledge.UNKNOWN


def _publish_decisions(order_id: str) -> None:
    """Publish what was agreed on bad clothes of a return, and that an order left for a factory."""
    contact, buying_return = contacts.find(order_id), session().get(BuyingReturn, order_id)
    if contact is not None and buying_return is not None:
        publish_return_contact(contact, buying_return, contacts.whole_refund(contact, buying_return))
    package = packages.find_by_order(order_id)
    if package is not None and package.handover_id is not None:
        publish_handover(handovers.get(package.handover_id), [order_id])


add_checks(
    registry,
    Check(
        name="work_on_cancelled_order",
        peer=lambda: peer("customer"),
        find=find_unfinished_buying_orders,
        handlers={"customer.buying_order.state_changed.v1": stop_cancelled_buying_order},
        decides=_is_cancellation,
    ),
)
