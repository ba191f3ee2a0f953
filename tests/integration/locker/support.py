"""Shared by the locker tests: a location with a simulated controller, its users, and events of other domains."""

from __future__ import annotations

import base64
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from libs.chassis import clock
from libs.chassis.clock import rfc3339
from libs.chassis.door_codes import make_code, step_at
from tests.support.harness import Harness, token, user_id

Client = Callable[..., httpx.Response]
NOTHING_TO_OPEN = (404, "nothing-to-open")


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def read_problem(response: httpx.Response) -> tuple[int, str]:
    """The status and the slug of a problem."""
    return response.status_code, response.json()["type"].rpartition("/")[2]


@dataclass
class Site:
    """A location with boxes, and its controller, which the test plays."""

    locker: Harness
    id: str
    controller: Client
    key: bytes = b""
    next_sequence: int = 1

    def code(self, at: datetime | None = None) -> str:
        """The code on the screen, now or at another time."""
        return make_code(self.key, self.id, step_at(at or clock.now()))

    def grants(self) -> list[dict[str, Any]]:
        return self._read_grants("grants")

    def offline_grants(self) -> list[dict[str, Any]]:
        return self._read_grants("offline-grants")

    def _read_grants(self, name: str) -> list[dict[str, Any]]:
        grants: list[dict[str, Any]] = self.controller("GET", f"/locker/v1/controller/{name}").json()["grants"]
        return grants

    def event(self, event_type: str, **fields: Any) -> dict[str, Any]:
        """The next event of the controller."""
        event = {"sequence": self.next_sequence, "type": event_type, "at": rfc3339(clock.now()), **fields}
        self.next_sequence += 1
        return event

    def report(self, *events: dict[str, Any]) -> httpx.Response:
        return self.controller("POST", "/locker/v1/controller/events", json={"events": list(events)})

    def use_door(self, grant_id: str, is_occupied: bool) -> None:
        """Open and close a door, and report both."""
        opened = self.event("opened", grant_id=grant_id)
        response = self.report(opened, self.event("closed", grant_id=grant_id, is_occupied=is_occupied))
        assert response.status_code == 200, response.text

    def states_by_box(self) -> dict[str, str]:
        """The states of the boxes, by id."""
        manager = self.locker.as_user("marta", "locker:boxes:read", kind="internal", roles=["manager"])
        query = {"location_id": self.id, "limit": 100}
        return {box["id"]: box["state"] for box in manager("GET", "/locker/v1/boxes", params=query).json()["items"]}

    def box_states(self) -> list[str]:
        return sorted(self.states_by_box().values())


def create_site(locker: Harness, boxes: int = 3, **fields: Any) -> Site:
    """Create a location as a manager, and connect its controller."""
    manager = locker.as_user("marta", "locker:locations:write", kind="internal", roles=["manager"])
    client_id = new_id("cli")
    body = {
        "name": f"Location {client_id[-6:]}",
        "address": {"street": "Praça Dom Pedro IV", "city": "Lisboa", "postal_code": "1100-200", "country": "PT"},
        "position": {"lat": 38.7139, "lon": -9.1394},
        "opening_hours": "24/7",
        "controller_id": client_id,
        "box_labels": [f"A{number}" for number in range(boxes)],
    }
    response = manager("POST", "/locker/v1/locations", json=body | fields, key=uuid.uuid4().hex)
    assert response.status_code == 201, response.text
    site = Site(locker, response.json()["id"], controller_client(locker, client_id))
    configuration = site.controller("GET", "/locker/v1/controller").json()
    site.key = base64.urlsafe_b64decode(configuration["code_key"] + "=")
    return site


def controller_client(locker: Harness, client_id: str) -> Client:
    """Send requests as a machine client, whose subject is its client id."""
    as_machine = locker.as_user("controller", "locker:controller", kind="machine")

    def send(method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token(client_id, 'locker:controller', 'machine')}"}
        return as_machine(method, path, headers=headers, **arguments)

    return send


def create_client(locker: Harness, name: str, kind: str = "customer") -> Client:
    """Send requests as a person who may open doors; staff is `internal`."""
    return locker.as_user(name, "locker:doors", kind=kind)


def hold_box(
    locker: Harness, site: Site, donor: str = "ines", order_id: str | None = None
) -> tuple[str, httpx.Response]:
    """Hold a box as the customer service does when a donation is submitted; the order id and the response."""
    order_id = order_id or new_id("dor")
    service = locker.as_user("customer", "locker:holds", kind="service")
    body = {"order_id": order_id, "person_id": user_id(donor), "location_id": site.id, "purpose": "deposit"}
    return order_id, service("POST", "/locker/v1/holds", json=body)


def open_doors(client: Client, site: Site, code: str | None = None, order_id: str | None = None) -> httpx.Response:
    body = {"code": code or site.code()} | ({"order_id": order_id} if order_id else {})
    return client("POST", "/locker/v1/openings", json=body)


def make_deposit(locker: Harness, site: Site, donor: str = "ines") -> tuple[str, str]:
    """Put a donation into a box; its order id and box id."""
    order_id, response = hold_box(locker, site, donor)
    assert response.status_code == 200, response.text
    response = open_doors(create_client(locker, donor), site, order_id=order_id)
    assert response.status_code == 200, response.text
    [opening] = response.json()["openings"]
    site.use_door(opening["grant_id"], True)
    return order_id, opening["box_id"]


def ship_package(locker: Harness, site: Site, order_id: str) -> None:
    """Let Rui put the package into its box."""
    deliver_work_order(locker, "shipping", "assigned", site, "rui", (order_id, None))
    [opening] = open_doors(create_client(locker, "rui", "internal"), site, order_id=order_id).json()["openings"]
    site.use_door(opening["grant_id"], True)


def day_key(client: Client) -> bytes:
    return base64.urlsafe_b64decode(client("GET", "/locker/v1/day-key").json()["key"] + "==")


# Events of other domains.

_versions = itertools.count(1)


def deliver_work_order(
    locker: Harness,
    kind: str,
    state: str,
    site: Site,
    assignee: str | None,
    *orders: tuple[str, str | None],
    version: int | None = None,
) -> None:
    """Deliver the state of a work order with these pairs of order id and box id; by default its newest version."""
    data = {
        "work_order_id": new_id("wor"),
        "kind": kind,
        "state": state,
        "previous_state": None,
        "assignee_id": user_id(assignee) if assignee else None,
        "location_id": site.id,
        "location_name": "Rossio",
        "orders": [{"order_id": order, "box_id": box, "tracking_code": None} for order, box in orders],
        "result": None,
        "reason": None,
        "at": rfc3339(clock.now()),
    }
    locker.deliver("admin.work_order.state_changed.v1", data, version=version or next(_versions))


def deliver_occupation_fee_paid(locker: Harness, order_id: str, donor: str = "ines") -> None:
    amount = {"amount": 300, "currency": "EUR"}
    data = {"fee_id": new_id("fee"), "kind": "occupation", "order_id": order_id, "payer_id": user_id(donor)}
    locker.deliver("billing.fee.paid.v1", data | {"amount": amount, "paid_at": rfc3339(clock.now())})


def deliver_donation_state(locker: Harness, order_id: str, state: str, previous_state: str) -> None:
    data = {
        "order_id": order_id,
        "donor_id": user_id("ines"),
        "state": state,
        "previous_state": previous_state,
        "location_id": None,
        "location_name": None,
        "has_story": False,
        "is_first": False,
        "item_ids": [],
        "at": rfc3339(clock.now()),
    }
    locker.deliver("customer.donating_order.state_changed.v1", data)


def deliver_donation_return(locker: Harness, return_id: str, site: Site, donor: str = "ines") -> None:
    """A donation that failed the check goes back to its donor."""
    data = {
        "return_id": return_id,
        "order_id": new_id("dor"),
        "donor_id": user_id(donor),
        "state": "created",
        "previous_state": None,
        "location_id": site.id,
        "location_name": "Rossio",
        "at": rfc3339(clock.now()),
    }
    locker.deliver("customer.donation_return.state_changed.v1", data)


def deliver_order_paid(locker: Harness, site: Site, order_id: str) -> None:
    """Ines has paid for an order that she picks up at this location."""
    locker.deliver("customer.buying_order.paid.v1", paid_order(site.id, order_id))


def paid_order(location_id: str, order_id: str) -> dict[str, Any]:
    """The data of the event of a paid order."""
    price = {"amount": 4900, "currency": "EUR"}
    return {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "items": [{"product_id": new_id("prd"), "title": "Wool coat", "price": price}],
        "total": price,
        "pickup_location_id": location_id,
        "pickup_location_name": "Rossio",
        "payment_id": new_id("pay"),
        "paid_at": rfc3339(clock.now()),
    }


def deliver_order_cancelled(locker: Harness, site: Site, order_id: str) -> None:
    data: dict[str, Any] = {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "state": "cancelled",
        "previous_state": "packed",
        "product_ids": [new_id("prd")],
        "total": {"amount": 4900, "currency": "EUR"},
        "payment_id": None,
        "pickup_location_id": site.id,
        "pickup_location_name": "Rossio",
        "is_first": False,
        "return_until": None,
        "at": rfc3339(clock.now()),
    }
    locker.deliver("customer.buying_order.state_changed.v1", data)


def deliver_purchase_return_state(locker: Harness, return_id: str, state: str) -> None:
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
        "at": rfc3339(clock.now()),
    }
    locker.deliver("customer.buying_return.state_changed.v1", data)
