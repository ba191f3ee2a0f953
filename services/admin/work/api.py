"""Work orders: own ones of each kind, those of everybody, packing orders, and stopping the work on an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from libs.chassis.pagination import page
from libs.chassis.queries import filter_by
from libs.chassis.security import principal
from services.admin.work import assignment, packing_orders, progress, stops, work_orders
from services.admin.work.rules import require_own
from services.admin.work.schemas import PackingOrderSchema, WorkOrderSchema
from services.admin.work.tables import IncludedOrder, WorkOrder


@dataclass(frozen=True)
class OwnWorkOrders:
    """The operations on the work orders of one kind that are assigned to the caller."""

    kind: str

    def list(self, state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
        filters = {WorkOrder.assignee_id: principal().subject, WorkOrder.kind: self.kind, WorkOrder.state: state}
        return _page(filter_by(select(WorkOrder), filters), limit, cursor)

    def get(self, work_order_id: str) -> dict[str, Any]:
        return _dump(require_own(work_orders.get(work_order_id), self.kind, principal().subject))

    def start(self, work_order_id: str) -> dict[str, Any]:
        return _dump(progress.start(self.kind, work_order_id, principal().subject))

    def finish(self, work_order_id: str) -> dict[str, Any]:
        return _dump(progress.finish(self.kind, work_order_id, principal().subject))

    def fail(self, work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
        return _dump(progress.fail(self.kind, work_order_id, principal().subject, body["reason"]))


def _dump(work_order: WorkOrder) -> dict[str, Any]:
    return dict(WorkOrderSchema().dump(work_order))


def _page(statement: Select[Any], limit: int, cursor: str | None, dump: Any = _dump) -> dict[str, Any]:
    newest_first: Any = [(WorkOrder.created_at, "desc"), (WorkOrder.id, "desc")]
    return page(statement, order_by=newest_first, limit=limit, cursor=cursor, dump=dump)


_collecting = OwnWorkOrders("collecting")
list_collecting_orders = _collecting.list
get_collecting_order = _collecting.get
start_collecting_order = _collecting.start
finish_collecting_order = _collecting.finish
fail_collecting_order = _collecting.fail

# A checking order is finished by recording its result: services/admin/checks/api.py.
_checking = OwnWorkOrders("checking")
list_checking_orders = _checking.list
get_checking_order = _checking.get
start_checking_order = _checking.start
fail_checking_order = _checking.fail

_packing = OwnWorkOrders("packing")
list_own_packing_orders = _packing.list
get_own_packing_order = _packing.get
start_own_packing_order = _packing.start
finish_own_packing_order = _packing.finish
fail_own_packing_order = _packing.fail

_shipping = OwnWorkOrders("shipping")
list_shipping_orders = _shipping.list
get_shipping_order = _shipping.get
start_shipping_order = _shipping.start
finish_shipping_order = _shipping.finish
fail_shipping_order = _shipping.fail


def list_work_orders(
    kind: str | None = None,
    state: str | None = None,
    assignee_id: str | None = None,
    order_id: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    filters = {WorkOrder.kind: kind, WorkOrder.state: state, WorkOrder.assignee_id: assignee_id}
    statement = filter_by(select(WorkOrder), filters)
    if order_id is not None:
        with_order = select(IncludedOrder.work_order_id).where(IncludedOrder.order_id == order_id)
        statement = statement.where(WorkOrder.id.in_(with_order))
    return _page(statement, limit, cursor)


def get_work_order(work_order_id: str) -> dict[str, Any]:
    return _dump(work_orders.get(work_order_id))


def assign_work_order(work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _dump(assignment.reassign(work_order_id, body["assignee_id"]))


def list_packing_orders(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    statement = filter_by(packing_orders.select_all(), {WorkOrder.state: state})
    return _page(statement, limit, cursor, PackingOrderSchema().dump)


def get_packing_order(packing_order_id: str) -> dict[str, Any]:
    return dict(PackingOrderSchema().dump(packing_orders.get(packing_order_id)))


def stop_work(body: dict[str, Any]) -> tuple[None, int]:
    stops.stop_for_buyer(body["order_id"])
    return None, 204
