"""Packing orders: work orders of kind packing, for buying orders and for donation returns.

Those of buying orders can also be read as packing orders with an id of their own, `pko_…`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from libs.chassis.event_types import BuyingOrderPaidItem
from libs.chassis.problems import NotFound
from services.admin.work import assignment, work_orders
from services.admin.work.publishers import publish_packing_order
from services.admin.work.tables import IncludedOrder, WorkOrder
from services.admin.work.work_orders import WorkLocation


def create_for_buying_order(
    order_id: str, items: Sequence[BuyingOrderPaidItem], location: WorkLocation
) -> WorkOrder:
    """Create the packing order of a paid order (story b-pa-01); idempotent."""
    existing = work_orders.lock_by_order("packing", order_id)
    if existing is not None:
        return existing
    contents = [{"product_id": item["product_id"], "title": item["title"]} for item in items]
    work_order = assignment.create_assigned(
        "packing", [IncludedOrder(order_id=order_id, contents=contents)], location
    )
    publish_packing_order(public_id(work_order), order_id)
    return work_order


def create_for_donation_return(return_id: str, donation_id: str, location: WorkLocation) -> None:
    """Create the packing order of a donation that goes back to its donor (story rd-r-pa-01); idempotent."""
    if work_orders.lock_by_order("packing", return_id) is None:
        assignment.create_assigned(
            "packing", [IncludedOrder(order_id=return_id, donation_id=donation_id)], location
        )


def public_id(work_order: WorkOrder) -> str:
    return "pko_" + work_order.id.removeprefix("wor_")


def select_all() -> Select[Any]:
    """The packing orders of buying orders."""
    joined = select(WorkOrder).join(IncludedOrder, IncludedOrder.work_order_id == WorkOrder.id)
    return joined.where(WorkOrder.kind == "packing", IncludedOrder.order_id.startswith("bor_", autoescape=True))


def get(packing_order_id: str) -> WorkOrder:
    work_order = work_orders.get("wor_" + packing_order_id.removeprefix("pko_"))
    if work_order.kind != "packing" or not work_order.orders[0].order_id.startswith("bor_"):
        raise NotFound("there is no such packing order")
    return work_order
