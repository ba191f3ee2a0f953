"""What the tests of doors share: a location with a controller, and what other domains say."""

from __future__ import annotations

import base64
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from libs.chassis import clock, door_grants
from libs.chassis.clock import rfc3339
from libs.chassis.door_codes import make_code, step_at
from tests.support.harness import Harness, user_id

Ask = Callable[..., httpx.Response]


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@dataclass
class Place:
    """A location with boxes and a controller that says what its doors do."""

    locker: Harness
    id: str
    controller: Ask
    key: bytes = b""
    next_sequence: int = 1
    sent: list[dict[str, Any]] = field(default_factory=list)

    def code(self, moment: datetime | None = None) -> str:
        """What the screen shows."""
        return make_code(self.key, self.id, step_at(moment or clock.now()))

    def grants(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.controller("GET", "/locker/v1/controller/grants").json()["grants"]
        return found

    def ahead(self) -> list[dict[str, Any]]:
        path = "/locker/v1/controller/offline-grants"
        found: list[dict[str, Any]] = self.controller("GET", path).json()["grants"]
        return found

    def event(self, kind: str, **facts: Any) -> dict[str, Any]:
        """The next event, as the controller would send it."""
        made = {"sequence": self.next_sequence, "type": kind, "at": rfc3339(clock.now()), **facts}
        self.next_sequence += 1
        self.sent.append(made)
        return made

    def report(self, *events: dict[str, Any]) -> httpx.Response:
        return self.controller("POST", "/locker/v1/controller/events", json={"events": list(events)})

    def use(self, grant_id: str, is_occupied: bool) -> None:
        """The door opens and closes."""
        opened = self.event("opened", grant_id=grant_id)
        answer = self.report(opened, self.event("closed", grant_id=grant_id, is_occupied=is_occupied))
        assert answer.status_code == 200, answer.text

    def state_of(self, box_id: str) -> str:
        manager = self.locker.as_user("marta", "locker:boxes:read", kind="internal", roles=["manager"])
        found = manager("GET", "/locker/v1/boxes", params={"location_id": self.id, "limit": 100}).json()["items"]
        [state] = [box["state"] for box in found if box["id"] == box_id]
        return str(state)


def make_place(locker: Harness, boxes: int = 3, **facts: Any) -> Place:
    """A location that a manager creates, with its controller connected."""
    manager = locker.as_user("marta", "locker:locations:write", kind="internal", roles=["manager"])
    client = new_id("cli")
    address = {"street": "Praça Dom Pedro IV", "city": "Lisboa", "postal_code": "1100-200", "country": "PT"}
    body = {
        "name": f"Place {client[-6:]}",
        "address": address,
        "position": {"lat": 38.7139, "lon": -9.1394},
        "opening_hours": "24/7",
        "controller_id": client,
        "box_labels": [f"A{number}" for number in range(boxes)],
    }
    answer = manager("POST", "/locker/v1/locations", json=body | facts, key=uuid.uuid4().hex)
    assert answer.status_code == 201, answer.text
    place = Place(locker, answer.json()["id"], machine(locker, client))
    setup = place.controller("GET", "/locker/v1/controller").json()
    place.key = base64.urlsafe_b64decode(setup["code_key"] + "=")
    return place


def machine(locker: Harness, client_id: str) -> Ask:
    """A client that is itself: its subject is its client id."""
    asked = locker.as_user("controller", "locker:controller", kind="machine")

    def ask(method: str, path: str, **arguments: Any) -> httpx.Response:
        from tests.support.harness import token

        headers = {"Authorization": f"Bearer {token(client_id, 'locker:controller', 'machine')}"}
        return asked(method, path, headers=headers, **arguments)

    return ask


def hold(
    locker: Harness, place: Place, donor: str = "ines", order_id: str | None = None
) -> tuple[str, httpx.Response]:
    """What customer asks when a donation is submitted."""
    order_id = order_id or new_id("dor")
    service = locker.as_user("customer", "locker:holds", kind="service")
    wanted = {"order_id": order_id, "person_id": user_id(donor), "location_id": place.id, "purpose": "deposit"}
    return order_id, service("POST", "/locker/v1/holds", json=wanted)


def person(locker: Harness, name: str, kind: str = "customer") -> Ask:
    return locker.as_user(name, "locker:doors", kind=kind)


def open_doors(ask: Ask, place: Place, code: str | None = None, order_id: str | None = None) -> httpx.Response:
    wanted = {"code": code or place.code()} | ({"order_id": order_id} if order_id else {})
    return ask("POST", "/locker/v1/openings", json=wanted)


def deposit(locker: Harness, place: Place, donor: str = "ines") -> tuple[str, str]:
    """A donation in a box: order id and box id."""
    order_id, held = hold(locker, place, donor)
    assert held.status_code == 200, held.text
    answer = open_doors(person(locker, donor), place, order_id=order_id)
    assert answer.status_code == 200, answer.text
    [opening] = answer.json()["openings"]
    place.use(opening["grant_id"], True)
    return order_id, opening["box_id"]


_versions = itertools.count(1)


def work_order(
    locker: Harness,
    kind: str,
    state: str,
    place: Place,
    assignee: str | None,
    *orders: tuple[str, str | None],
    version: int | None = None,
) -> None:
    """Tell of a work order: the newest news, unless a version says otherwise."""
    data = {
        "work_order_id": new_id("wor"),
        "kind": kind,
        "state": state,
        "previous_state": None,
        "assignee_id": user_id(assignee) if assignee else None,
        "location_id": place.id,
        "location_name": "Rossio",
        "orders": [{"order_id": order, "box_id": box, "tracking_code": None} for order, box in orders],
        "result": None,
        "reason": None,
        "at": rfc3339(clock.now()),
    }
    locker.deliver("admin.work_order.state_changed.v1", data, version=version or next(_versions))


def occupation_paid(locker: Harness, order_id: str, donor: str = "ines") -> None:
    amount = {"amount": 300, "currency": "EUR"}
    data = {"fee_id": new_id("fee"), "kind": "occupation", "order_id": order_id, "payer_id": user_id(donor)}
    locker.deliver("billing.fee.paid.v1", data | {"amount": amount, "paid_at": rfc3339(clock.now())})


def donation_moved(locker: Harness, order_id: str, state: str, before: str) -> None:
    data = {
        "order_id": order_id,
        "donor_id": user_id("ines"),
        "state": state,
        "previous_state": before,
        "location_id": None,
        "location_name": None,
        "has_story": False,
        "is_first": False,
        "item_ids": [],
        "at": rfc3339(clock.now()),
    }
    locker.deliver("customer.donating_order.state_changed.v1", data)


def return_made(locker: Harness, return_id: str, place: Place, donor: str = "ines") -> None:
    data = {
        "return_id": return_id,
        "order_id": new_id("dor"),
        "donor_id": user_id(donor),
        "state": "created",
        "previous_state": None,
        "location_id": place.id,
        "location_name": "Rossio",
        "at": rfc3339(clock.now()),
    }
    locker.deliver("customer.donation_return.state_changed.v1", data)


def paid(locker: Harness, place: Place, order_id: str) -> None:
    """Ines has paid for an order."""
    price = {"amount": 4900, "currency": "EUR"}
    data = {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "items": [{"product_id": new_id("prd"), "title": "Wool coat", "price": price}],
        "total": price,
        "pickup_location_id": place.id,
        "pickup_location_name": "Rossio",
        "payment_id": new_id("pay"),
        "paid_at": clock.rfc3339(clock.now()),
    }
    locker.deliver("customer.buying_order.paid.v1", data)


def cancelled(locker: Harness, place: Place, order_id: str) -> None:
    data: dict[str, Any] = {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "state": "cancelled",
        "previous_state": "packed",
        "product_ids": [new_id("prd")],
        "total": {"amount": 4900, "currency": "EUR"},
        "payment_id": None,
        "pickup_location_id": place.id,
        "pickup_location_name": "Rossio",
        "is_first": False,
        "return_until": None,
        "at": clock.rfc3339(clock.now()),
    }
    locker.deliver("customer.buying_order.state_changed.v1", data)


def return_moved(locker: Harness, return_id: str, state: str) -> None:
    data: dict[str, Any] = {
        "return_id": return_id,
        "order_id": new_id("bor"),
        "buyer_id": user_id("ines"),
        "state": state,
        "previous_state": "created",
        "product_ids": [new_id("prd")],
        "is_whole_order": True,
        "price": {"amount": 4900, "currency": "EUR"},
        "refund": None,
        "location_id": None,
        "location_name": None,
        "at": clock.rfc3339(clock.now()),
    }
    locker.deliver("customer.buying_return.state_changed.v1", data)


def boxes(place: Place) -> list[str]:
    """The states of the boxes of the place."""
    manager = place.locker.as_user("marta", "locker:boxes:read", kind="internal", roles=["manager"])
    found = manager("GET", "/locker/v1/boxes", params={"location_id": place.id}).json()["items"]
    return sorted(box["state"] for box in found)


def put_in(locker: Harness, place: Place, order_id: str) -> None:
    """Rui puts the package in its box."""
    work_order(locker, "shipping", "assigned", place, "rui", (order_id, None))
    [opening] = open_doors(person(locker, "rui", "internal"), place, order_id=order_id).json()["openings"]
    place.use(opening["grant_id"], True)


def day_key(ask: Ask) -> bytes:
    found = ask("GET", "/locker/v1/day-key").json()
    return base64.urlsafe_b64decode(found["key"] + "==")


def unwrapped(wrapped: str, key: bytes) -> str:
    return door_grants.unwrap(wrapped, key)
