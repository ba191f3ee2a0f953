"""A drop-off location of the test's own, with a box controller, and the people who work there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.platform import RunningPlatform
from tools.box_simulator.controller import BoxController, Door, register_controller
from tools.demo.people import Actor, Customer, Json, Staff, idempotency_key, wait_for

COAT = {"category": "coats", "size": "M", "condition": "good"}
STORY = "It saw the northern lights."


def refused(person: Actor, method: str, path: str, status: int, **arguments: Any) -> str:
    """The kind of a refusal."""
    problem: Json = person.call(method, path, expect=status, **arguments).json()
    return str(problem["type"].rpartition("/")[2])


@dataclass
class Scene:
    """One location: `threshold` 1 unless told otherwise, so that each deposit is collected."""

    location: Json
    controller: BoxController
    employee: Staff
    manager: Staff
    deliveryman: Staff

    @property
    def location_id(self) -> str:
        return str(self.location["id"])

    def open(self, person: Actor, order_id: str | None = None, code: str | None = None) -> list[Door]:
        """The person scans `code`, or what is on the screen now; the doors that the controller opens."""
        opened = person.open_doors(code or self.controller.code(), order_id)["openings"]
        doors = self.controller.sync()
        assert {door.id for door in doors} == {one["box_id"] for one in opened}
        return doors

    def donate(self, donor: Customer, *items: Json) -> Json:
        """A donation in its box."""
        order = donor.create_donation(*(items or (COAT,)))
        donor.submit_donation(order["id"], self.location_id)
        [door] = self.open(donor, order["id"])
        self.controller.close_door(door, is_occupied=True)
        return donor.wait_for_donation(order["id"], "deposited")

    def collect(self, donor: Customer, order_id: str) -> Json:
        """The deliveryman empties the box and scans the label: the package."""
        self.deliveryman.wait_for_own_work_order("collecting", order_id)
        package = self.deliveryman.create_package(order_id)
        self.empty_box(self.deliveryman, order_id)
        self.deliveryman.scan(package["tracking_code"])
        donor.wait_for_donation(order_id, "collected")
        return package

    def empty_box(self, person: Actor, order_id: str) -> None:
        """Open the box of an order as soon as the right is there, and leave it empty."""
        for door in self.open_soon(person, order_id):
            self.controller.close_door(door, is_occupied=False)

    def open_soon(self, person: Actor, order_id: str) -> list[Door]:
        """Wait for the right to open, which comes with an event, then open."""
        self.wait_for_right(person, order_id)
        return self.open(person, order_id)

    @staticmethod
    def wait_for_right(person: Actor, order_id: str) -> Json:
        def read() -> Json | None:
            query = {"order_id": order_id, "state": "open"}
            found: list[Json] = person.call("GET", "/locker/v1/door-rights", params=query).json()["items"]
            return found[0] if found else None

        return wait_for(f"the right to a door for {order_id}", read)

    def give_work(self, kind: str, order_id: str, person: Staff) -> Json:
        """Make sure that this person has the work order, whoever else there is by now."""
        query = {"kind": kind, "order_id": order_id}

        def read() -> Json | None:
            found = self.manager.call("GET", "/admin/v1/work-orders", params=query).json()["items"]
            return found[0] if found and found[0]["state"] != "open" else None

        work_order = wait_for(f"a {kind} order of {order_id}", read)
        if work_order["assignee_id"] != person.user_id:
            path = f"/admin/v1/work-orders/{work_order['id']}/assignee"
            self.manager.call("PUT", path, json={"assignee_id": person.user_id})
        return person.wait_for_own_work_order(kind, order_id)

    def check(self, package: Json, result: str) -> Json:
        """The employee scans the package and records what the check gave."""
        return self._check(package, {"result": result, "notes": "As described."})

    def check_pieces(self, package: Json, **results: str) -> Json:
        """The same for a return, piece by piece: the result of each product id."""
        products = [
            {"product_id": product_id, "result": result} | ({"reason": "Torn"} if result == "bad" else {})
            for product_id, result in results.items()
        ]
        return self._check(package, {"products": products})

    def _check(self, package: Json, body: Json) -> Json:
        work_order = self.give_work("checking", package["order_id"], self.employee)
        self.employee.scan(package["tracking_code"])
        path = f"/admin/v1/checking-orders/{work_order['id']}/result"
        checked: Json = self.employee.call("POST", path, json=body, expect=(200, 201)).json()
        return checked

    def buy(self, buyer: Customer, *product_ids: str) -> Json:
        """A paid order that is picked up here."""
        order = buyer.place_order(list(product_ids), self.location_id)
        buyer.pay(order["id"], buyer.card())
        return buyer.wait_for_order(order["id"], "paid")

    def pack(self, order_id: str) -> Json:
        """The employee labels, scans and packs: the package."""
        work_order = self.give_work("packing", order_id, self.employee)
        package = self.employee.create_package(order_id)
        self.employee.scan(package["tracking_code"])
        self.employee.call("POST", f"/admin/v1/own-packing-orders/{work_order['id']}/finish")
        return package

    def ship(self, buyer: Customer, package: Json) -> Json:
        """The deliveryman scans the package and puts it into its box: the order."""
        order_id = package["order_id"]
        self.give_work("shipping", order_id, self.deliveryman)
        self.deliveryman.scan(package["tracking_code"])
        buyer.wait_for_order(order_id, "shipping")
        [door] = self.open_soon(self.deliveryman, order_id)
        self.controller.close_door(door, is_occupied=True)
        return buyer.wait_for_order(order_id, "in_box")

    def deliver(self, buyer: Customer, *product_ids: str) -> Json:
        """From the shop into the buyer's hands: the order."""
        order = self.buy(buyer, *product_ids)
        self.ship(buyer, self.pack(order["id"]))
        self.empty_box(buyer, order["id"])
        return buyer.wait_for_order(order["id"], "picked_up")

    def take_back(self, buyer: Customer, made: Json) -> Json:
        """The buyer puts a return into its box, the deliveryman collects it: the package."""
        [door] = self.open_soon(buyer, made["id"])
        self.controller.close_door(door, is_occupied=True)
        buyer.wait_for_purchase_return(made["id"], "in_box")
        self.give_work("collecting", made["id"], self.deliveryman)
        package = self.deliveryman.create_package(made["id"])
        self.empty_box(self.deliveryman, made["id"])
        self.deliveryman.scan(package["tracking_code"])
        buyer.wait_for_purchase_return(made["id"], "collected")
        return package

    def shelve(self, order: Json) -> str:
        """A product of the order's first item, priced and published: its id."""
        donation = {"order_id": order["id"], "item_id": order["items"][0]["id"]}
        product, _ = self.employee.create_product(
            title="Camel wool coat",
            description="Worn for one season.",
            category="coats",
            brand="Acceptance",
            colour="camel",
            condition="good",
            sizes=[{"system": "EU", "value": "40"}],
            attributes={"material": "wool"},
            donation=donation,
        )
        self.manager.set_price(product["id"], 4900)
        self.manager.publish(product["id"])
        return str(product["id"])


def make_scene(
    platform: RunningPlatform, staff: Callable[[str], Staff], name: str, boxes: int = 3, **facts: Any
) -> Scene:
    """A location that a manager creates, with its controller installed and connected."""
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
        "POST", "/locker/v1/locations", json=body | facts, headers=idempotency_key(), expect=201
    ).json()
    client_id, secret = register_controller(manager, location["id"])
    controller = BoxController(platform.external_url, platform.ca_file, client_id, secret)
    controller.connect()
    return Scene(location, controller, staff("employee"), manager, deliveryman)
