"""Publish the events of work orders."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import (
    PackingOrderCreated,
    WorkOrderStateChanged,
    WorkOrderStateChangedOrder,
    WorkOrderStateChangedOrderProduct,
    WorkStopped,
)
from services.admin.registry import registry
from services.admin.work.tables import IncludedOrder, StoppedOrder, WorkOrder


def publish_state(work_order: WorkOrder, *, previous: str | None = None, only_order: str | None = None) -> None:
    """Publish the state of a work order, with all its orders or only one of them."""
    orders = work_order.remaining_orders or work_order.orders
    if only_order is not None:
        orders = [work_order.get_order(only_order)]
    data = WorkOrderStateChanged(
        work_order_id=work_order.id,
        kind=work_order.kind,
        state=work_order.state,
        previous_state=previous,
        assignee_id=work_order.assignee_id,
        location_id=work_order.location_id,
        location_name=work_order.location_name,
        orders=[_order(order) for order in orders],
        result=work_order.result,
        reason=work_order.reason,
        at=clock.rfc3339(work_order.changed_at),
    )
    registry.publish(
        "admin.work_order.state_changed.v1", subject=work_order.id, data=data, version=work_order.version
    )


def _order(order: IncludedOrder) -> WorkOrderStateChangedOrder:
    return WorkOrderStateChangedOrder(
        order_id=order.order_id,
        box_id=order.box_id,
        tracking_code=order.package.tracking_code if order.package else None,
        products=[
            WorkOrderStateChangedOrderProduct(
                product_id=product["product_id"], result=product["result"], reason=product["reason"]
            )
            for product in order.contents
            if "result" in product  # it was checked
        ],
    )


def publish_packing_order(packing_order_id: str, order_id: str) -> None:
    data = PackingOrderCreated(packing_order_id=packing_order_id, order_id=order_id)
    registry.publish("admin.packing_order.created.v1", subject=packing_order_id, data=data)


def publish_stop(stopped: StoppedOrder) -> None:
    """Publish that nobody packs or ships a buying order any more."""
    data = WorkStopped(order_id=stopped.id, at=clock.rfc3339(stopped.stopped_at))
    registry.publish("admin.work.stopped.v1", subject=stopped.id, data=data)
