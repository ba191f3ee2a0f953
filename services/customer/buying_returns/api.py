"""Returns of purchases: a buyer creates and cancels own ones, staff read all of them and force-cancel."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import service_clients
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_returns import checks, lifecycle
from services.customer.buying_returns.queries import buying_returns
from services.customer.buying_returns.rules import ID_PREFIX, ReturnRequest


def create_buying_return(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    buyer_id, order_id, return_id = principal().subject, body["order_id"], stable_id(ID_PREFIX)
    request = ReturnRequest(body.get("product_ids", ()), body.get("reason"))
    # Ends before locker is called, so that nothing is locked meanwhile.
    with unit_of_work(reads_only=True):
        order = buying_orders.get_own(order_id, buyer_id)
        if buying_returns.find(return_id) is None:
            lifecycle.find_returnable_products(order, request)
    hold = service_clients.hold_box(return_id, buyer_id, body["location_id"])
    order = buying_orders.get_own(order_id, buyer_id, locked=True)
    buying_return = lifecycle.create(return_id, order, request, hold)
    return buying_returns.dump(buying_return), 201, {"Location": f"/customer/v1/buying-returns/{buying_return.id}"}


def list_buying_returns(
    state: str | None = None, order_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    buyer_id = principal().subject
    if order_id is not None:
        buying_orders.get_own(order_id, buyer_id)
    return buying_returns.list_page(limit, cursor, state=state, buyer_id=buyer_id, order_id=order_id)


def get_buying_return(return_id: str) -> dict[str, Any]:
    return buying_returns.dump(buying_returns.get_own(return_id, principal().subject))


def cancel_buying_return(return_id: str) -> dict[str, Any]:
    buying_return = buying_returns.get_own(return_id, principal().subject, locked=True)
    lifecycle.cancel(buying_return)
    return buying_returns.dump(buying_return)


def list_all_buying_returns(
    state: str | None = None,
    buyer_id: str | None = None,
    order_id: str | None = None,
    sort: str = "newest",
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    return buying_returns.list_page(limit, cursor, sort=sort, state=state, buyer_id=buyer_id, order_id=order_id)


def get_any_buying_return(return_id: str) -> dict[str, Any]:
    return buying_returns.dump(buying_returns.get(return_id))


def force_cancel_buying_return(return_id: str, body: dict[str, Any]) -> dict[str, Any]:
    buying_return = buying_returns.get(return_id, locked=True)
    before = buying_return.state
    checks.force_cancel(buying_return)
    if buying_return.state != before:
        after = {"state": buying_return.state, "reason": body["reason"]}
        audit.record("force_cancel_buying_return", buying_return.id, before={"state": before}, after=after)
    return buying_returns.dump(buying_return)
