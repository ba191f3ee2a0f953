"""The way of a purchase after its payment, as `make demo` plays it: packed, shipped, taken out of a box."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from libs.chassis.deadlines import format_deadline
from tools.demo.donation import Donation
from tools.demo.people import Actor, Customer, Json, Staff, wait_for


class Delivery:
    """One paid order on its way from the warehouse into the buyer's hands, through the box of the donation."""

    def __init__(self, buyer: Customer, manager: Staff, employee: Staff, donation: Donation) -> None:
        self.buyer = buyer
        self.manager = manager
        self.employee = employee
        self.donation = donation
        self.order_id = ""
        self._package: Json = {}

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("Employee", self.employee_packs_it),
            ("Deliveryman", self.deliveryman_ships_it),
            ("Box", self.box_takes_it_in),
            ("Buyer", self.buyer_takes_it_out),
            ("Manager", self.manager_sees_the_order_whole),
        ]

    def employee_packs_it(self) -> str:
        work_order = self._give("packing", self.employee)
        self._package = self.employee.create_package(self.order_id)
        self.employee.scan(self._package["tracking_code"])
        self.employee.call("POST", f"/admin/v1/own-packing-orders/{work_order['id']}/finish")
        told = self.buyer.told("order-packing", self.order_id)["title"]
        return f"labels, scans and packs the coat; the buyer reads {told!r}"

    def deliveryman_ships_it(self) -> str:
        work_order = self._give("shipping", self.donation.deliveryman)
        self.donation.deliveryman.scan(self._package["tracking_code"])
        self.buyer.order_in_state(self.order_id, "shipping")
        return f"scans the package of shipping order {work_order['id'][-6:]}: it is on its way"

    def box_takes_it_in(self) -> str:
        label = self._use_door(self.donation.deliveryman, is_occupied=True)
        self.buyer.order_in_state(self.order_id, "in_box")
        told = self.buyer.told("order-in-box", self.order_id)["title"]
        return f"opens {label} for the deliveryman, who puts the package in; the buyer reads {told!r}"

    def buyer_takes_it_out(self) -> str:
        label = self._use_door(self.buyer, is_occupied=False)
        order = self.buyer.order_in_state(self.order_id, "picked_up")
        until = format_deadline(
            datetime.fromisoformat(order["return_until"]), order["pickup_location"]["time_zone"]
        )
        return f"scans the code: {label} opens, the coat is out; it can be returned until {until}"

    def manager_sees_the_order_whole(self) -> str:
        path = f"/customer/v1/monitored-buying-orders/{self.order_id}"
        whole = self.manager.call("GET", path).json()
        work = " and ".join(f"{work['kind']} {work['state']}" for work in whole["work"])
        return f"sees the order whole: {len(whole['timeline'])} states, {work}"

    def _give(self, kind: str, person: Staff) -> Json:
        """The work order of this kind, given to our person if somebody else was less busy."""
        query = {"kind": kind, "order_id": self.order_id}

        def read() -> Json | None:
            found = self.manager.call("GET", "/admin/v1/work-orders", params=query).json()["items"]
            return found[0] if found and found[0]["state"] != "open" else None

        work_order = wait_for(f"the {kind} order", read)
        if work_order["assignee_id"] != person.user_id:
            path = f"/admin/v1/work-orders/{work_order['id']}/assignee"
            self.manager.call("PUT", path, json={"assignee_id": person.user_id})
        return person.own_work(kind, self.order_id)

    def _use_door(self, person: Actor, *, is_occupied: bool) -> str:
        query = {"order_id": self.order_id, "state": "open"}
        path = "/locker/v1/door-rights"
        wait_for("the right to the door", lambda: person.call("GET", path, params=query).json()["items"] or None)
        door = self.donation.open_door(person, self.order_id)
        self.donation.box.close_door(door, is_occupied=is_occupied)
        return door.label
