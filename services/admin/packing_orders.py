"""Packing orders of buying orders: work orders like all others, known to their readers as `pko_…` too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from libs.chassis.problems import NotFound
from services.admin import assignment, work_orders
from services.admin.models import OrderAtWork, WorkOrder
from services.admin.registry import registry
from services.admin.work_orders import Part

OF_BUYING_ORDERS = ("packing", "bor")


def create(
    order_id: str, items: Sequence[dict[str, Any]], pickup_location_id: str, pickup_location_name: str | None = None
) -> WorkOrder:
    """The packing order of a paid order: one, however often it is asked for (story b-pa-01)."""
    known = work_orders.of_order("packing", order_id)
    if known is not None:
        return known
    contents = [{"product_id": item["product_id"], "title": item["title"]} for item in items]
    place = work_orders.place_of(pickup_location_id, pickup_location_name)
    work_order = assignment.create("packing", [Part(order_id, contents=contents)], place)
    data = {"packing_order_id": public_id(work_order), "order_id": order_id}
    registry.publish("admin.packing_order.created.v1", subject=data["packing_order_id"], data=data)
    return work_order


def public_id(work_order: WorkOrder) -> str:
    return "pko_" + work_order.id.removeprefix("wor_")


def every() -> Select[Any]:
    """The packing orders of buying orders; those of returned donations are read as work orders."""
    kind, prefix = OF_BUYING_ORDERS
    joined = select(WorkOrder).join(OrderAtWork, OrderAtWork.work_order_id == WorkOrder.id)
    return joined.where(WorkOrder.kind == kind, OrderAtWork.order_id.startswith(f"{prefix}_", autoescape=True))


def get(packing_order_id: str) -> WorkOrder:
    work_order = work_orders.get("wor_" + packing_order_id.removeprefix("pko_"))
    kind, prefix = OF_BUYING_ORDERS
    if work_order.kind != kind or not work_order.orders[0].order_id.startswith(prefix):
        raise NotFound
    return work_order
