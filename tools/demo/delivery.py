"""The delivery of a paid order in the demo: packing, shipping and pick-up from a box."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from libs.chassis.deadlines import format_deadline
from tools.demo.donation import Donation
from tools.demo.people import Actor, Customer, Json, Staff


class Delivery:
    """The delivery of one paid order from the warehouse to the buyer, through the box of the donation."""

    def __init__(self, buyer: Customer, manager: Staff, employee: Staff, donation: Donation) -> None:
        self.buyer = buyer
        self.manager = manager
        self.employee = employee
        self.donation = donation
        self.order_id = ""
        self._package: Json = {}

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("Employee", self.employee_packs_the_coat),
            ("Deliveryman", self.deliveryman_ships_the_package),
            ("Deliveryman", self.deliveryman_fills_the_box),
            ("Buyer", self.buyer_picks_the_coat_up),
            ("Manager", self.manager_monitors_the_order),
        ]

    def employee_packs_the_coat(self) -> str:
        work_order = self._assign("packing", self.employee)
        self._package = self.employee.create_package(self.order_id)
        self.employee.scan(self._package["tracking_code"])
        self.employee.call("POST", f"/admin/v1/own-packing-orders/{work_order['id']}/finish")
        title = self.buyer.wait_for_notification("order-packing", self.order_id)["title"]
        return f"labels, scans and packs the coat; the buyer is notified: {title!r}"

    def deliveryman_ships_the_package(self) -> str:
        work_order = self._assign("shipping", self.donation.deliveryman)
        self.donation.deliveryman.scan(self._package["tracking_code"])
        self.buyer.wait_for_order(self.order_id, "shipping")
        return f"scans the package of shipping order {work_order['id'][-6:]}: it is in transit"

    def deliveryman_fills_the_box(self) -> str:
        label = self._use_door(self.donation.deliveryman, is_occupied=True)
        self.buyer.wait_for_order(self.order_id, "in_box")
        title = self.buyer.wait_for_notification("order-in-box", self.order_id)["title"]
        return f"opens {label} and puts the package in; the buyer is notified: {title!r}"

    def buyer_picks_the_coat_up(self) -> str:
        label = self._use_door(self.buyer, is_occupied=False)
        order = self.buyer.wait_for_order(self.order_id, "picked_up")
        until = format_deadline(
            datetime.fromisoformat(order["return_until"]), order["pickup_location"]["time_zone"]
        )
        return f"scans the code: {label} opens; the coat is picked up and can be returned until {until}"

    def manager_monitors_the_order(self) -> str:
        order = self.manager.get(f"/customer/v1/monitored-buying-orders/{self.order_id}")
        work = " and ".join(f"{work['kind']} {work['state']}" for work in order["work"])
        return f"monitors the order: {len(order['timeline'])} states, {work}"

    def _assign(self, kind: str, person: Staff) -> Json:
        self.manager.assign_work_order(kind, self.order_id, person)
        return person.wait_for_own_work_order(kind, self.order_id)

    def _use_door(self, person: Actor, *, is_occupied: bool) -> str:
        person.wait_for_door_right(self.order_id)
        door = self.donation.open_door(person, self.order_id)
        self.donation.box.close_door(door, is_occupied=is_occupied)
        return door.label
