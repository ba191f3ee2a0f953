"""Returns of purchases: a buyer creates and cancels own ones, staff read all of them and force-cancel."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import service_clients
from services.customer.buying_orders import queries as buying_orders
from services.customer.buying_returns import checks, lifecycle, queries
from services.customer.buying_returns.queries import ReturnFilter
from services.customer.buying_returns.rules import ID_PREFIX, ReturnRequest
from services.customer.buying_returns.schemas import BuyingReturnSchema
from services.customer.buying_returns.tables import BuyingReturn


def create_buying_return(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    buyer_id, order_id, return_id = principal().subject, body["order_id"], stable_id(ID_PREFIX)
    request = ReturnRequest(body.get("product_ids", ()), body.get("reason"))
    with unit_of_work(reads_only=True):  # ends before locker is called, so that nothing is locked meanwhile
        order = buying_orders.get_own(order_id, buyer_id)
        if queries.find(return_id) is None:
            lifecycle.find_returnable_products(order, request)
    hold = service_clients.hold_box(return_id, buyer_id, body["location_id"])
    order = buying_orders.get_own(order_id, buyer_id, locked=True)
    buying_return = lifecycle.create(return_id, order, request, hold)
    return _dump(buying_return), 201, {"Location": f"/customer/v1/buying-returns/{buying_return.id}"}


def list_buying_returns(
    state: str | None = None, order_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    buyer_id = principal().subject
    if order_id is not None:
        buying_orders.get_own(order_id, buyer_id)
    return queries.list_page(limit, cursor, ReturnFilter(state, buyer_id, order_id))


def get_buying_return(return_id: str) -> dict[str, Any]:
    return _dump(queries.get_own(return_id, principal().subject))


def cancel_buying_return(return_id: str) -> dict[str, Any]:
    buying_return = queries.get_own(return_id, principal().subject, locked=True)
    lifecycle.cancel(buying_return)
    return _dump(buying_return)


def list_all_buying_returns(
    state: str | None = None,
    buyer_id: str | None = None,
    order_id: str | None = None,
    sort: str = "newest",
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    return queries.list_page(limit, cursor, ReturnFilter(state, buyer_id, order_id), sort)


def get_any_buying_return(return_id: str) -> dict[str, Any]:
    return _dump(queries.get(return_id))


def force_cancel_buying_return(return_id: str, body: dict[str, Any]) -> dict[str, Any]:
    buying_return = queries.get(return_id, locked=True)
    before = buying_return.state
    checks.force_cancel(buying_return)
    if buying_return.state != before:
        after = {"state": buying_return.state, "reason": body["reason"]}
        audit.record("force_cancel_buying_return", buying_return.id, before={"state": before}, after=after)
    return _dump(buying_return)


def _dump(buying_return: BuyingReturn) -> dict[str, Any]:
    return dict(BuyingReturnSchema().dump(buying_return))
