"""What the tests of buying orders share: placing, and what happens elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.chassis import clock, db
from libs.chassis.clock import now, rfc3339
from services.customer import events as customer_events
from services.customer import order_deadlines
from tests.integration.customer.conftest import BOX, ROSSIO
from tests.support.harness import Harness, user_id

Ask = Callable[..., httpx.Response]
ORDERS, RETURNS = "/customer/v1/buying-orders", "/customer/v1/buying-returns"
SCOPES = "customer:buying-orders customer:profile"
COAT, HAT = "prd_" + "1" * 32, "prd_" + "2" * 32
TO_PICKED_UP = ("pay", "pack", "packed", "ship", "put_in", "take_out")


def key() -> str:
    return uuid.uuid4().hex


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def place(ask: Ask, *product_ids: str) -> dict[str, Any]:
    wanted = {"product_ids": list(product_ids or (COAT, HAT)), "pickup_location_id": ROSSIO}
    answer = ask("POST", ORDERS, json=wanted, key=key())
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


def payment_of(order: dict[str, Any]) -> str:
    return str(order["id"]).replace("bor_", "pay_")


def pay(customer: Harness, order: dict[str, Any]) -> None:
    facts = {"payment_id": payment_of(order), "order_id": order["id"], "buyer_id": order["buyer_id"]}
    facts |= {"amount": order["total"], "captured_at": rfc3339(now())}
    customer.deliver("billing.payment.captured.v1", facts)


def lose_hold(customer: Harness, order: dict[str, Any], reason: str = "lapsed") -> None:
    data = {"order_id": order["id"], "buyer_id": order["buyer_id"], "reason": reason}
    data["product_ids"] = [item["product_id"] for item in order["items"]]
    customer.deliver("shopping.hold.released.v1", data)


def door(customer: Harness, order_id: str, purpose: str, buyer_id: str = "") -> None:
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


def work(
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
        "orders": [{"order_id": order_id, "box_id": BOX, "tracking_code": "RC123"}],
        "result": result,
        "reason": None,
        "at": rfc3339(now()),
    }
    customer.deliver("admin.work_order.state_changed.v1", data | changed)


def stopped(customer: Harness, order_id: str) -> None:
    customer.deliver("admin.work.stopped.v1", {"order_id": order_id, "at": rfc3339(now())})


def refunded(
    customer: Harness,
    order: dict[str, Any],
    amount: int,
    return_id: str | None = None,
    refund_id: str = "",
    replaces: str | None = None,
) -> None:
    data = {
        "refund_id": refund_id or f"rfd_{uuid.uuid4().hex}",
        "payment_id": payment_of(order),
        "order_id": order["id"],
        "return_id": return_id,
        "replaces": replaces,
        "buyer_id": order["buyer_id"],
        "amount": {"amount": amount, "currency": "EUR"},
        "method": "card",
        "coins": None,
        "made_at": rfc3339(now()),
    }
    customer.deliver("billing.refund.completed.v1", data)


def agreed(customer: Harness, made: dict[str, Any], amount: int) -> None:
    data = {
        "return_id": made["id"],
        "order_id": made["order_id"],
        "contacted_at": rfc3339(now()),
        "channel": "phone",
        "refund": {"amount": amount, "currency": "EUR"},
        "decided_by": user_id("marta"),
        "at": rfc3339(now()),
    }
    customer.deliver("admin.return_contact.recorded.v1", data)


def go(customer: Harness, order: dict[str, Any], *steps: str) -> None:
    """What happens to an order elsewhere, step by step."""
    order_id = order["id"]
    news: dict[str, Callable[[], None]] = {
        "pay": lambda: pay(customer, order),
        "pack": lambda: work(customer, "packing", "assigned", order_id),
        "packed": lambda: work(customer, "packing", "done", order_id),
        "ship": lambda: work(customer, "shipping", "in_progress", order_id),
        "put_in": lambda: door(customer, order_id, "ship"),
        "take_out": lambda: door(customer, order_id, "pick_up"),
    }
    for step in steps:
        news[step]()


def picked_up(customer: Harness, ask: Ask, *product_ids: str) -> dict[str, Any]:
    order = place(ask, *product_ids)
    go(customer, order, *TO_PICKED_UP)
    return order


def return_of(ask: Ask, order: dict[str, Any], *product_ids: str, **changed: Any) -> httpx.Response:
    wanted: dict[str, Any] = {"order_id": order["id"], "location_id": ROSSIO}
    if product_ids:
        wanted["product_ids"] = list(product_ids)
    return ask("POST", RETURNS, json=wanted | changed, key=key())


def begun(ask: Ask, order: dict[str, Any], *product_ids: str) -> dict[str, Any]:
    answer = return_of(ask, order, *product_ids)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def check(customer: Harness, made: dict[str, Any], result: str) -> None:
    """From the box to the result."""
    door(customer, made["id"], "deposit")
    work(customer, "collecting", "done", made["id"])
    work(customer, "checking", "done", made["id"], result)


def check_pieces(customer: Harness, made: dict[str, Any], results: dict[str, str]) -> None:
    """The result of a collected return, piece by piece."""
    products = [
        {"product_id": product_id, "result": result, "reason": "Torn" if result == "bad" else None}
        for product_id, result in results.items()
    ]
    orders = [{"order_id": made["id"], "box_id": None, "tracking_code": None, "products": products}]
    whole = "bad" if "bad" in results.values() else "good"
    work(customer, "checking", "done", made["id"], whole, orders=orders)


def read(ask: Ask, thing: dict[str, Any]) -> dict[str, Any]:
    path = RETURNS if thing["id"].startswith("rbo") else ORDERS
    found: dict[str, Any] = ask("GET", f"{path}/{thing['id']}").json()
    return found


def states(ask: Ask, thing: dict[str, Any]) -> list[str]:
    return [entry["state"] for entry in read(ask, thing)["timeline"]]


def told(customer: Harness, what: str) -> list[tuple[str, str | None]]:
    """The moves that were told of orders (`buying_order`) or returns (`return_buying_order`)."""
    moved = customer.published(f"customer.{what}.state_changed.v1")
    return [(move["previous_state"], move["state"]) for move in moved]


def meet_deadlines(after_days: float) -> None:
    """The jobs run so many days later."""
    moment = now() + timedelta(days=after_days)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment)
        with db.unit_of_work():
            order_deadlines.expire_returns()
        with db.unit_of_work():
            order_deadlines.complete_orders()
        with db.unit_of_work():
            customer_events.watch_pick_ups()
