"""Requests of donors and events of other domains, for the tests of donating orders and their returns."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from libs.chassis.clock import now, rfc3339
from tests.integration.customer.buying_support import Send, new_key, problem_of
from tests.integration.customer.conftest import BOX, ROSSIO
from tests.support.harness import Harness, user_id

__all__ = ["COAT", "ORDERS", "RETURNS", "SCOPE", "Send", "new_key", "problem_of"]

ORDERS, RETURNS = "/customer/v1/donating-orders", "/customer/v1/donation-returns"
SCOPE = "customer:donating-orders"
COAT = {"category": "coats", "size": "M", "condition": "good"}


def create_draft(send: Send, *items: dict[str, Any]) -> dict[str, Any]:
    order = send("POST", ORDERS, key=new_key()).json()
    for item in items or (COAT,):
        response = send("POST", f"{ORDERS}/{order['id']}/items", json=item, key=new_key())
        assert response.status_code == 201, response.text
    order: dict[str, Any] = send("GET", f"{ORDERS}/{order['id']}").json()
    return order


def submit(send: Send, order_id: str, location_id: str = ROSSIO) -> httpx.Response:
    return send("POST", f"{ORDERS}/{order_id}/submission", json={"location_id": location_id})


def create_submitted(send: Send, *items: dict[str, Any]) -> dict[str, Any]:
    order = create_draft(send, *items)
    response = submit(send, order["id"])
    assert response.status_code == 200, response.text
    order: dict[str, Any] = response.json()
    return order


def use_door(customer: Harness, order: dict[str, Any], purpose: str, order_id: str | None = None) -> None:
    data = {
        "right_id": f"rgt_{uuid.uuid4().hex}",
        "purpose": purpose,
        "order_id": order_id or order["id"],
        "person_id": order["donor_id"],
        "location_id": ROSSIO,
        "location_name": "Rossio",
        "box_id": BOX,
        "is_occupied": purpose in ("deposit", "ship"),
        "at": rfc3339(now()),
    }
    customer.deliver("locker.door.used.v1", data)


def change_work(customer: Harness, kind: str, state: str, order_id: str, result: str | None = None) -> None:
    data = {
        "work_order_id": f"wor_{uuid.uuid4().hex}",
        "kind": kind,
        "state": state,
        "previous_state": None,
        "assignee_id": user_id("paulo"),
        "location_id": ROSSIO,
        "location_name": "Rossio",
        "orders": [{"order_id": order_id, "box_id": BOX, "tracking_code": None, "products": []}],
        "result": result,
        "reason": None,
        "at": rfc3339(now()),
    }
    customer.deliver("admin.work_order.state_changed.v1", data)


def publish_product_event(customer: Harness, event: str, order: dict[str, Any], item: int = 0) -> None:
    item_id = order["items"][item]["id"]
    data: dict[str, Any] = {
        "product_id": "prd_" + item_id.removeprefix("dit_"),
        "title": "Camel coat",
        "donation": {"order_id": order["id"], "item_id": item_id},
    }
    if event == "sold":
        data |= {"price": {"amount": 4900, "currency": "EUR"}, "buying_order_id": "bor_" + "1" * 32}
    customer.deliver(f"shopping.product.{event}.v1", data)


def record_handover(customer: Harness, *order_ids: str) -> None:
    factory = {"factory_id": "fac_" + "6" * 32, "factory_name": "Fibra Nova"}
    data = {"handover_id": "hov_" + "7" * 32, "order_ids": list(order_ids), "at": rfc3339(now())}
    customer.deliver("admin.handover.recorded.v1", factory | data)


def pay_delivery_fee(customer: Harness, return_id: str) -> None:
    amount = {"amount": 450, "currency": "EUR"}
    data = {"fee_id": "fee_" + "8" * 32, "kind": "delivery", "order_id": return_id, "payer_id": user_id("ines")}
    customer.deliver("billing.fee.paid.v1", data | {"amount": amount, "paid_at": rfc3339(now())})


def create_collected(customer: Harness, send: Send, *items: dict[str, Any]) -> dict[str, Any]:
    order = create_submitted(send, *items)
    use_door(customer, order, "deposit")
    change_work(customer, "collecting", "done", order["id"])
    return order


def state_of(send: Send, order_id: str) -> str:
    return str(send("GET", f"{ORDERS}/{order_id}").json()["state"])
