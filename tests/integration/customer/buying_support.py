"""Requests of buyers and events of other domains, for the tests of buying orders and their returns."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.chassis import clock, db
from libs.chassis.clock import now, rfc3339
from services.customer.buying_orders.jobs import complete_orders, watch_pick_ups
from services.customer.buying_returns.jobs import expire_returns
from tests.integration.customer.conftest import BOX, ROSSIO
from tests.support.harness import Harness, user_id

Send = Callable[..., httpx.Response]
ORDERS, RETURNS = "/customer/v1/buying-orders", "/customer/v1/buying-returns"
SCOPES = "customer:buying-orders customer:profile"
COAT, HAT = "prd_" + "1" * 32, "prd_" + "2" * 32
TO_PICKED_UP = ("pay", "pack", "packed", "ship", "put_in", "take_out")


def new_key() -> str:
    return uuid.uuid4().hex


def problem_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rpartition("/")[2]


def place(send: Send, *product_ids: str) -> dict[str, Any]:
    body = {"product_ids": list(product_ids or (COAT, HAT)), "pickup_location_id": ROSSIO}
    response = send("POST", ORDERS, json=body, key=new_key())
    assert response.status_code == 201, response.text
    order: dict[str, Any] = response.json()
    return order


def payment_id_of(order: dict[str, Any]) -> str:
    return str(order["id"]).replace("bor_", "pay_")


def pay(customer: Harness, order: dict[str, Any], method: str = "card", coins: int | None = None) -> None:
    data = {"payment_id": payment_id_of(order), "order_id": order["id"], "buyer_id": order["buyer_id"]}
    data |= {"amount": order["total"], "captured_at": rfc3339(now()), "method": method, "coins": coins}
    customer.deliver("billing.payment.captured.v1", data)


def release_hold(customer: Harness, order: dict[str, Any], reason: str = "lapsed") -> None:
    data = {"order_id": order["id"], "buyer_id": order["buyer_id"], "reason": reason}
    data["product_ids"] = [item["product_id"] for item in order["items"]]
    customer.deliver("shopping.hold.released.v1", data)


def use_door(customer: Harness, order_id: str, purpose: str, buyer_id: str = "") -> None:
    data = {
        "right_id": f"rgt_{uuid.uuid4().hex}",
        "purpose": purpose,
        "order_id": order_id,
        "person_id": buyer_id or user_id("ines"),
        "location_id": ROSSIO,
        "location_name": "Rossio",
        "box_id": BOX,
        "is_occupied": purpose in ("deposit", "ship"),
        "at": rfc3339(now()),
    }
    customer.deliver("locker.door.used.v1", data)


def change_work(
    customer: Harness, kind: str, state: str, order_id: str, result: str | None = None, **changed: Any
) -> None:
    data = {
        "work_order_id": f"wor_{kind.encode().hex()[:8]}{order_id[-24:]}",
        "kind": kind,
        "state": state,
        "previous_state": None,
        "assignee_id": user_id("paulo"),
        "location_id": ROSSIO,
        "location_name": "Rossio",
        "orders": [{"order_id": order_id, "box_id": BOX, "tracking_code": "RC123", "products": []}],
        "result": result,
        "reason": None,
        "at": rfc3339(now()),
    }
    customer.deliver("admin.work_order.state_changed.v1", data | changed)


def stop_work(customer: Harness, order_id: str) -> None:
    customer.deliver("admin.work.stopped.v1", {"order_id": order_id, "at": rfc3339(now())})


def complete_refund(
    customer: Harness,
    order: dict[str, Any],
    amount: int,
    return_id: str | None = None,
    refund_id: str = "",
    replaces: str | None = None,
) -> None:
    data = {
        "refund_id": refund_id or f"rfd_{uuid.uuid4().hex}",
        "payment_id": payment_id_of(order),
        "order_id": order["id"],
        "return_id": return_id,
        "replaces": replaces,
        "buyer_id": order["buyer_id"],
        "amount": {"amount": amount, "currency": "EUR"},
        "method": "card",
        "coins": None,
        "completed_at": rfc3339(now()),
    }
    customer.deliver("billing.refund.completed.v1", data)


def agree_on_refund(customer: Harness, buying_return: dict[str, Any], amount: int) -> None:
    data = {
        "return_id": buying_return["id"],
        "order_id": buying_return["order_id"],
        "contacted_at": rfc3339(now()),
        "channel": "phone",
        "refund": {"amount": amount, "currency": "EUR"},
        "decided_by": user_id("marta"),
        "at": rfc3339(now()),
    }
    customer.deliver("admin.return_contact.recorded.v1", data)


def advance(customer: Harness, order: dict[str, Any], *steps: str) -> None:
    """Deliver the events of these steps of an order."""
    order_id = order["id"]
    deliver: dict[str, Callable[[], None]] = {
        "pay": lambda: pay(customer, order),
        "pack": lambda: change_work(customer, "packing", "assigned", order_id),
        "packed": lambda: change_work(customer, "packing", "done", order_id),
        "ship": lambda: change_work(customer, "shipping", "in_progress", order_id),
        "put_in": lambda: use_door(customer, order_id, "ship"),
        "take_out": lambda: use_door(customer, order_id, "pick_up"),
    }
    for step in steps:
        deliver[step]()


def place_and_pick_up(customer: Harness, send: Send, *product_ids: str) -> dict[str, Any]:
    order = place(send, *product_ids)
    advance(customer, order, *TO_PICKED_UP)
    return order


def request_return(send: Send, order: dict[str, Any], *product_ids: str, **changed: Any) -> httpx.Response:
    body: dict[str, Any] = {"order_id": order["id"], "location_id": ROSSIO}
    if product_ids:
        body["product_ids"] = list(product_ids)
    return send("POST", RETURNS, json=body | changed, key=new_key())


def create_return(send: Send, order: dict[str, Any], *product_ids: str) -> dict[str, Any]:
    response = request_return(send, order, *product_ids)
    assert response.status_code == 201, response.text
    buying_return: dict[str, Any] = response.json()
    return buying_return


def deposit_and_check(customer: Harness, buying_return: dict[str, Any], result: str) -> None:
    """Deliver the events of a return from its deposit to its check."""
    use_door(customer, buying_return["id"], "deposit")
    change_work(customer, "collecting", "done", buying_return["id"])
    change_work(customer, "checking", "done", buying_return["id"], result)


def check_items(customer: Harness, buying_return: dict[str, Any], results: dict[str, str]) -> None:
    """Deliver the check of a collected return, with a result for each item."""
    products = [
        {"product_id": product_id, "result": result, "reason": "Torn" if result == "bad" else None}
        for product_id, result in results.items()
    ]
    orders = [{"order_id": buying_return["id"], "box_id": None, "tracking_code": None, "products": products}]
    result = "bad" if "bad" in results.values() else "good"
    change_work(customer, "checking", "done", buying_return["id"], result, orders=orders)


def read(send: Send, subject: dict[str, Any]) -> dict[str, Any]:
    path = RETURNS if subject["id"].startswith("rbo") else ORDERS
    current: dict[str, Any] = send("GET", f"{path}/{subject['id']}").json()
    return current


def timeline_states(send: Send, subject: dict[str, Any]) -> list[str]:
    return [entry["state"] for entry in read(send, subject)["timeline"]]


def published_transitions(customer: Harness, subject: str) -> list[tuple[str, str | None]]:
    """The transitions that were published for orders (`buying_order`) or returns (`buying_return`)."""
    events = customer.published(f"customer.{subject}.state_changed.v1")
    return [(event["previous_state"], event["state"]) for event in events]


def run_jobs_later(after_days: float) -> None:
    """Run the jobs as they would run after this number of days."""
    later = now() + timedelta(days=after_days)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)
        with db.unit_of_work():
            expire_returns()
        with db.unit_of_work():
            complete_orders()
        with db.unit_of_work():
            watch_pick_ups()
