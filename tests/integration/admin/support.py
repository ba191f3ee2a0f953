"""What the tests of work orders share: staff, events of donations, and what people do."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from tests.support.harness import Harness, user_id

Ask = Callable[..., httpx.Response]
LOCATION = "loc_" + "5" * 32
SCOPES = {
    "deliveryman": "admin:collecting-orders admin:shipping-orders admin:packages",
    "employee": "admin:checking-orders admin:packing-orders admin:packages admin:recycling",
}


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and kind of a refusal."""
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def hire(admin: Harness, name: str, role: str, state: str = "active") -> Ask:
    """Auth tells of an internal user, who is returned ready to ask."""
    data = {"user_id": user_id(name), "full_name": name.title(), "roles": [role], "state": state}
    admin.deliver("auth.staff.changed.v1", data)
    return admin.as_user(name, SCOPES[role], "internal", roles=[role])


def fill(
    admin: Harness, *orders: str, area: str | None = None, deliveryman: str | None = None, location: str = LOCATION
) -> None:
    """A location reaches its threshold with these deposits."""
    data = {
        "location_id": location,
        "location_name": "Rossio",
        "area": area,
        "deliveryman_id": user_id(deliveryman) if deliveryman else None,
        "deposits": [{"order_id": order_id, "box_id": new_id("box")} for order_id in orders],
    }
    admin.deliver("locker.location.threshold_reached.v1", data)


def move_donation(admin: Harness, order_id: str, state: str, previous: str) -> None:
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


def move_return(admin: Harness, return_id: str, order_id: str, state: str = "paid") -> None:
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


def own(ask: Ask, kind: str, state: str | None = None) -> list[dict[str, Any]]:
    """Own work orders of a kind, newest first."""
    path = "own-packing-orders" if kind == "packing" else f"{kind}-orders"
    items: list[dict[str, Any]] = ask("GET", f"/admin/v1/{path}", params={"state": state} if state else {}).json()[
        "items"
    ]
    return items


def the_own(ask: Ask, kind: str) -> dict[str, Any]:
    [work_order] = own(ask, kind)
    return work_order


def pack(ask: Ask, order_id: str) -> dict[str, Any]:
    """The package of an order, with its tracking code."""
    answer = ask("POST", "/admin/v1/packages", json={"order_id": order_id}, key=uuid.uuid4().hex)
    assert answer.status_code == 201, answer.text
    package: dict[str, Any] = answer.json()
    return package


def scan(ask: Ask, code: str) -> httpx.Response:
    return ask("POST", "/admin/v1/scans", json={"tracking_code": code})


def collect(ask: Ask, orders: Sequence[str]) -> list[dict[str, Any]]:
    """Label and scan the packages of these orders."""
    packages = [pack(ask, order_id) for order_id in orders]
    for package in packages:
        assert scan(ask, package["tracking_code"]).status_code == 200
    return packages


def check(ask: Ask, package: dict[str, Any], result: str) -> None:
    """Scan a collected package and record the result of its check."""
    work_order = scan(ask, package["tracking_code"]).json()
    path = f"/admin/v1/checking-orders/{work_order['id']}/result"
    assert ask("POST", path, json={"result": result}).status_code == 200


def moves(admin: Harness, kind: str, state: str | None = None) -> list[dict[str, Any]]:
    """The moves of work orders of a kind that were told, oldest first."""
    told = admin.published("admin.work_order.state_changed.v1")
    return [move for move in told if move["kind"] == kind and state in (None, move["state"])]
