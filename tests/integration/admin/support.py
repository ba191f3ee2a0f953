"""Events of other domains, and requests of staff, that several tests need."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from libs.chassis import clock
from tests.support.harness import Harness, user_id

Send = Callable[..., httpx.Response]
LOCATION = "loc_" + "5" * 32
CONTACTS = "/admin/v1/return-contacts"
COAT, HAT = "prd_" + "1" * 32, "prd_" + "2" * 32
SCOPES = {
    "deliveryman": "admin:collecting-orders admin:shipping-orders admin:packages",
    "employee": "admin:checking-orders admin:packing-orders admin:packages admin:recycling",
}


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def problem_of(response: httpx.Response) -> tuple[int, str]:
    """Status and slug of a problem document."""
    return response.status_code, response.json()["type"].rpartition("/")[2]


def hire(admin: Harness, name: str, role: str, state: str = "active") -> Send:
    """Publish an internal user, and return a function that sends requests as this user."""
    data = {"user_id": user_id(name), "full_name": name.title(), "roles": [role], "state": state}
    admin.deliver("auth.staff.changed.v1", data)
    return admin.as_user(name, SCOPES[role], "internal", roles=[role])


def reach_threshold(
    admin: Harness, *orders: str, area: str | None = None, deliveryman: str | None = None, location: str = LOCATION
) -> None:
    """Publish that a location reached its threshold with deposits of these orders."""
    data = {
        "location_id": location,
        "location_name": "Rossio",
        "area": area,
        "deliveryman_id": user_id(deliveryman) if deliveryman else None,
        "deposits": [{"order_id": order_id, "box_id": new_id("box")} for order_id in orders],
    }
    admin.deliver("locker.location.threshold_reached.v1", data)


def change_donation_state(admin: Harness, order_id: str, state: str, previous: str) -> None:
    data = {
        "order_id": order_id,
        "donor_id": user_id("ines"),
        "state": state,
        "previous_state": previous,
        "location_id": LOCATION,
        "location_name": "Rossio",
        "has_story": False,
        "is_first": False,
        "item_ids": [],
        "at": "2026-11-23T10:15:30.000000Z",
    }
    admin.deliver("customer.donating_order.state_changed.v1", data)


def change_donation_return_state(admin: Harness, return_id: str, order_id: str, state: str = "paid") -> None:
    data = {
        "return_id": return_id,
        "order_id": order_id,
        "donor_id": user_id("ines"),
        "state": state,
        "previous_state": "created",
        "location_id": LOCATION,
        "location_name": "Rossio",
        "at": "2026-11-23T10:15:30.000000Z",
    }
    admin.deliver("customer.donation_return.state_changed.v1", data)


def use_door(admin: Harness, order_id: str, purpose: str = "ship", *, is_occupied: bool = True) -> None:
    data = {
        "right_id": new_id("rgt"),
        "purpose": purpose,
        "order_id": order_id,
        "person_id": user_id("rui"),
        "location_id": LOCATION,
        "location_name": "Rossio",
        "box_id": new_id("box"),
        "is_occupied": is_occupied,
        "at": "2026-11-23T10:15:30.000000Z",
    }
    admin.deliver("locker.door.used.v1", data)


def list_own(send: Send, kind: str, state: str | None = None) -> list[dict[str, Any]]:
    """Own work orders of a kind, newest first."""
    path = "own-packing-orders" if kind == "packing" else f"{kind}-orders"
    response = send("GET", f"/admin/v1/{path}", params={"state": state} if state else {})
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def get_own(send: Send, kind: str) -> dict[str, Any]:
    """The only own work order of a kind."""
    [work_order] = list_own(send, kind)
    return work_order


def create_package(send: Send, order_id: str) -> dict[str, Any]:
    """Create the package of an order."""
    response = send("POST", "/admin/v1/packages", json={"order_id": order_id}, key=uuid.uuid4().hex)
    assert response.status_code == 201, response.text
    package: dict[str, Any] = response.json()
    return package


def scan(send: Send, code: str) -> httpx.Response:
    return send("POST", "/admin/v1/scans", json={"tracking_code": code})


def collect(send: Send, orders: Sequence[str]) -> list[dict[str, Any]]:
    """Label and scan the packages of these orders."""
    packages = [create_package(send, order_id) for order_id in orders]
    for package in packages:
        assert scan(send, package["tracking_code"]).status_code == 200
    return packages


def record_check(send: Send, package: dict[str, Any], result: str) -> None:
    """Scan a collected package and record the result of its check."""
    work_order = scan(send, package["tracking_code"]).json()
    path = f"/admin/v1/checking-orders/{work_order['id']}/result"
    assert send("POST", path, json={"result": result}).status_code == 200


def state_changes(admin: Harness, kind: str, state: str | None = None) -> list[dict[str, Any]]:
    """The published state changes of work orders of a kind, oldest first."""
    changes = admin.published("admin.work_order.state_changed.v1")
    return [change for change in changes if change["kind"] == kind and state in (None, change["state"])]


def build_item(product_id: str, amount: int) -> dict[str, Any]:
    price = {"amount": amount, "currency": "EUR"}
    return {"product_id": product_id, "title": "Wool coat", "price": price, "result": None}


TWO_PRODUCTS = {
    "product_ids": [COAT, HAT],
    "items": [build_item(COAT, 4000), build_item(HAT, 900)],
    "is_force_cancelled": False,
}


def publish_paid_order(admin: Harness, order_id: str) -> None:
    price = {"amount": 4900, "currency": "EUR"}
    data = {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "items": [{"product_id": new_id("prd"), "title": "Wool coat", "price": price}],
        "total": price,
        "pickup_location_id": LOCATION,
        "pickup_location_name": "Rossio",
        "payment_id": new_id("pay"),
        "paid_at": clock.rfc3339(clock.now()),
    }
    admin.deliver("customer.buying_order.paid.v1", data)


def stop_work(admin: Harness, order_id: str) -> httpx.Response:
    customer = admin.as_user("customer", "admin:work-stops", kind="service")
    return customer("POST", "/admin/v1/work-stops", json={"order_id": order_id})


def change_return_state(admin: Harness, return_id: str, state: str = "created", **changes: Any) -> None:
    data: dict[str, Any] = {
        "return_id": return_id,
        "order_id": new_id("bor"),
        "buyer_id": user_id("ines"),
        "state": state,
        "previous_state": None,
        "product_ids": [COAT],
        "items": [build_item(COAT, 4900)],
        "is_force_cancelled": False,
        "is_whole_order": True,
        "price": {"amount": 4900, "currency": "EUR"},
        "refund": None,
        "location_id": LOCATION,
        "location_name": "Rossio",
        "at": clock.rfc3339(clock.now()),
    }
    admin.deliver("customer.buying_return.state_changed.v1", data | changes)


def build_contact(return_id: str, amount: int = 2500, **changes: Any) -> dict[str, Any]:
    refund = {"amount": amount, "currency": "EUR"}
    fields = {"return_id": return_id, "contacted_at": clock.rfc3339(clock.now()), "channel": "phone"}
    return fields | {"refund": refund} | changes


def check_return(admin: Harness, rui: Send, eva: Send, result: str) -> str:
    """Collect a return together with a donation, check it, and return its id."""
    return_id, donation = new_id("rbo"), new_id("dor")
    change_return_state(admin, return_id)
    reach_threshold(admin, return_id, donation)
    package, _ = collect(rui, [return_id, donation])
    record_check(eva, package, result)
    return return_id


def hand_over(admin: Harness, eva: Send) -> None:
    """Hand the one bad package over to a factory."""
    manager = admin.as_user("marta", "admin:factories:write", "internal", roles=["manager"])
    body = {"name": "Fibra Nova", "address": "Porto"}
    factory = manager("POST", "/admin/v1/factories", json=body, key=uuid.uuid4().hex).json()
    [package] = eva("GET", "/admin/v1/bad-packages", params={"is_handed_over": "false"}).json()["items"]
    body = {"factory_id": factory["id"], "package_ids": [package["id"]]}
    assert eva("POST", "/admin/v1/handovers", json=body, key=uuid.uuid4().hex).status_code == 201


def check_donation(admin: Harness, rui: Send, eva: Send, result: str = "bad") -> dict[str, Any]:
    """Collect and check a donation, and return its package."""
    donation = new_id("dor")
    reach_threshold(admin, donation)
    [package] = collect(rui, [donation])
    record_check(eva, package, result)
    return package


def assign(manager: Send, work_order_id: str, name: str | None) -> Any:
    body = {"assignee_id": user_id(name) if name else None}
    return manager("PUT", f"/admin/v1/work-orders/{work_order_id}/assignee", json=body)


def transitions(changes: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    return [(change["previous_state"], change["state"]) for change in changes]
