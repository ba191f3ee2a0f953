"""A drop-off location for one test, with a simulated box controller and the staff who work there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.platform import RunningPlatform
from tools.box_simulator.controller import BoxController, Door, register_controller
from tools.demo.people import Actor, Customer, Json, Staff, idempotency_key, wait_for

COAT = {"category": "coats", "size": "M", "condition": "good"}
STORY = "It saw the northern lights."


def expect_problem(person: Actor, method: str, path: str, status: int, **arguments: Any) -> str:
    """Send a request that must fail with this status; return the slug of the problem."""
    problem: Json = person.call(method, path, expect=status, **arguments).json()
    return str(problem["type"].rpartition("/")[2])


def product_fields(**changes: Any) -> Json:
    """The fields of a coat that an employee enters."""
    fields = {
        "title": "Camel wool coat",
        "description": "Worn for one season.",
        "category": "coats",
        "brand": "Acceptance",
        "colour": "camel",
        "condition": "good",
        "sizes": [{"system": "EU", "value": "40"}],
        "attributes": {"material": "wool"},
    }
    return fields | changes


@dataclass
class Site:
    """One location; its `threshold` is 1 by default, so that the first deposit is collected."""

    location: Json
    controller: BoxController
    employee: Staff
    manager: Staff
    deliveryman: Staff

    @property
    def location_id(self) -> str:
        return str(self.location["id"])

    # Doors.

    def open_doors(self, person: Actor, order_id: str | None = None, code: str | None = None) -> list[Door]:
        """Let the person scan the code (by default the one on the screen), and open the doors."""
        openings = person.open_doors(code or self.controller.code(), order_id)["openings"]
        doors = self.controller.sync()
        assert {door.id for door in doors} == {opening["box_id"] for opening in openings}
        return doors

    def open_doors_when_allowed(self, person: Actor, order_id: str) -> list[Door]:
        """Open the door of an order as soon as the person has the right, which follows an event."""
        self.wait_for_door_right(person, order_id)
        return self.open_doors(person, order_id)

    @staticmethod
    def wait_for_door_right(person: Actor, order_id: str) -> Json:
        def read() -> Json | None:
            query = {"order_id": order_id, "state": "open"}
            rights: list[Json] = person.call("GET", "/locker/v1/door-rights", params=query).json()["items"]
            return rights[0] if rights else None

        return wait_for(f"the right to open a door for {order_id}", read)

    def empty_box(self, person: Actor, order_id: str) -> None:
        """Open the box of an order and take the clothes out."""
        for door in self.open_doors_when_allowed(person, order_id):
            self.controller.close_door(door, is_occupied=False)

    # Work orders.

    def assign_work(self, kind: str, order_id: str, person: Staff) -> Json:
        """Wait for the work order, and assign it to this person if somebody else has it."""
        query = {"kind": kind, "order_id": order_id}

        def read() -> Json | None:
            work_orders = self.manager.call("GET", "/admin/v1/work-orders", params=query).json()["items"]
            return work_orders[0] if work_orders and work_orders[0]["state"] != "open" else None

        work_order = wait_for(f"a {kind} order for {order_id}", read)
        if work_order["assignee_id"] != person.user_id:
            path = f"/admin/v1/work-orders/{work_order['id']}/assignee"
            self.manager.call("PUT", path, json={"assignee_id": person.user_id})
        return person.wait_for_own_work_order(kind, order_id)

    def record_check(self, package: Json, result: str) -> Json:
        """Let the employee scan the package and record one result for all of it."""
        return self._record_check(package, {"result": result, "notes": "As described."})

    def record_check_by_product(self, package: Json, **results: str) -> Json:
        """Record the check of a return, with a result for each product id."""
        products = [
            {"product_id": product_id, "result": result} | ({"reason": "Torn"} if result == "bad" else {})
            for product_id, result in results.items()
        ]
        return self._record_check(package, {"products": products})

    def _record_check(self, package: Json, body: Json) -> Json:
        work_order = self.assign_work("checking", package["order_id"], self.employee)
        self.employee.scan(package["tracking_code"])
        path = f"/admin/v1/checking-orders/{work_order['id']}/result"
        checked: Json = self.employee.call("POST", path, json=body, expect=(200, 201)).json()
        return checked

    # Donations.

    def deposit_donation(self, donor: Customer, *items: Json) -> Json:
        """Submit a donation and put it into its box; return the order."""
        order = donor.create_donation(*(items or (COAT,)))
        donor.submit_donation(order["id"], self.location_id)
        [door] = self.open_doors(donor, order["id"])
        self.controller.close_door(door, is_occupied=True)
        return donor.wait_for_donation(order["id"], "deposited")

    def collect_donation(self, donor: Customer, order_id: str) -> Json:
        """Let the deliveryman empty the box and scan the label; return the package."""
        self.deliveryman.wait_for_own_work_order("collecting", order_id)
        package = self.deliveryman.create_package(order_id)
        self.empty_box(self.deliveryman, order_id)
        self.deliveryman.scan(package["tracking_code"])
        donor.wait_for_donation(order_id, "collected")
        return package

    def publish_donated_product(self, order: Json) -> str:
        """Create, price and publish a product of the order's first item; return its id."""
        donation = {"order_id": order["id"], "item_id": order["items"][0]["id"]}
        product, _ = self.employee.create_product(**product_fields(donation=donation))
        self.manager.set_price(product["id"], 4900)
        self.manager.publish(product["id"])
        return str(product["id"])

    # Purchases and their returns.

    def buy(self, buyer: Customer, *product_ids: str) -> Json:
        """Place and pay an order that is picked up here."""
        order = buyer.place_order(list(product_ids), self.location_id)
        buyer.pay(order["id"], buyer.card())
        return buyer.wait_for_order(order["id"], "paid")

    def pack(self, order_id: str) -> Json:
        """Let the employee label, scan and pack the order; return the package."""
        work_order = self.assign_work("packing", order_id, self.employee)
        package = self.employee.create_package(order_id)
        self.employee.scan(package["tracking_code"])
        self.employee.call("POST", f"/admin/v1/own-packing-orders/{work_order['id']}/finish")
        return package

    def ship(self, buyer: Customer, package: Json) -> Json:
        """Let the deliveryman scan the package and put it into its box; return the order."""
        order_id = package["order_id"]
        self.assign_work("shipping", order_id, self.deliveryman)
        self.deliveryman.scan(package["tracking_code"])
        buyer.wait_for_order(order_id, "shipping")
        [door] = self.open_doors_when_allowed(self.deliveryman, order_id)
        self.controller.close_door(door, is_occupied=True)
        return buyer.wait_for_order(order_id, "in_box")

    def deliver_purchase(self, buyer: Customer, *product_ids: str) -> Json:
        """Buy, pack, ship and pick up products; return the order."""
        order = self.buy(buyer, *product_ids)
        self.ship(buyer, self.pack(order["id"]))
        self.empty_box(buyer, order["id"])
        return buyer.wait_for_order(order["id"], "picked_up")

    def collect_return(self, buyer: Customer, purchase_return: Json) -> Json:
        """Let the buyer put a return into its box and the deliveryman collect it; return the package."""
        return_id = purchase_return["id"]
        [door] = self.open_doors_when_allowed(buyer, return_id)
        self.controller.close_door(door, is_occupied=True)
        buyer.wait_for_purchase_return(return_id, "in_box")
        self.assign_work("collecting", return_id, self.deliveryman)
        package = self.deliveryman.create_package(return_id)
        self.empty_box(self.deliveryman, return_id)
        self.deliveryman.scan(package["tracking_code"])
        buyer.wait_for_purchase_return(return_id, "collected")
        return package


def create_site(
    platform: RunningPlatform, staff: Callable[[str], Staff], name: str, boxes: int = 3, **fields: Any
) -> Site:
    """Create a location as a manager, and register and connect its controller."""
    manager, deliveryman = staff("manager"), staff("deliveryman")
    body = {
        "name": name,
        "address": {"street": "Rua Nova", "city": "Lisboa", "postal_code": "1200-001", "country": "PT"},
        "position": {"lat": 38.7, "lon": -9.15},
        "opening_hours": "24/7",
        "area": "Acceptance",
        "threshold": 1,
        "deliveryman_id": deliveryman.user_id,
        "box_labels": [f"A{number}" for number in range(1, boxes + 1)],
    }
    location: Json = manager.call(
        "POST", "/locker/v1/locations", json=body | fields, headers=idempotency_key(), expect=201
    ).json()
    client_id, secret = register_controller(manager, location["id"])
    controller = BoxController(platform.external_url, platform.ca_file, client_id, secret)
    controller.connect()
    return Site(location, controller, staff("employee"), manager, deliveryman)
