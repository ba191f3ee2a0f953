"""The donation of a coat in the demo: deposit in a simulated box, collection and check."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from libs.chassis.deadlines import format_deadline
from libs.chassis.money import Money
from tools.box_simulator.controller import BoxController, Door, register_controller
from tools.demo.coat_picture import coat_picture
from tools.demo.people import Actor, Customer, Json, Staff, wait_for

LOCATION = "Demo corner"
POSITION = {"lat": 38.7223, "lon": -9.1393}


class Donation:
    """One donation from the draft to the check in the warehouse."""

    def __init__(
        self, external_url: str, internal_url: str, ca_file: Path, manager: Staff, employee: Staff
    ) -> None:
        self.manager = manager
        self.employee = employee
        self.donor = Customer(external_url, ca_file, "donor@reclothes.example")
        self.deliveryman = Staff(internal_url, ca_file, "deliveryman@reclothes.example")
        self._gateway = (external_url, ca_file)
        self._box: BoxController | None = None
        self.location_id = ""
        self._package: Json = {}
        self.order: Json = {}

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("Manager", self.manager_sets_up_a_location),
            ("Donor", self.donor_drafts_a_donation),
            ("Donor", self.donor_submits_it),
            ("Donor", self.donor_opens_the_box),
            ("Donor", self.donor_gets_coins),
            ("Deliveryman", self.deliveryman_prints_the_label),
            ("Box", self.box_opens_without_a_network),
            ("Deliveryman", self.deliveryman_scans_the_package),
            ("Employee", self.employee_checks_the_coat),
        ]

    @property
    def link(self) -> dict[str, str]:
        """The reference of a product to the donated item."""
        return {"order_id": self.order["id"], "item_id": self.order["items"][0]["id"]}

    @property
    def box(self) -> BoxController:
        if self._box is None:
            raise AssertionError("the location has no controller yet")
        return self._box

    def manager_sets_up_a_location(self) -> str:
        self.manager.log_in()
        self.deliveryman.log_in()
        self.location_id = self._find_location() or self._create_location()
        url, ca_file = self._gateway
        self._box = BoxController(url, ca_file, *register_controller(self.manager, self.location_id))
        self.box.connect()
        return f"gives {LOCATION} a box controller, an OAuth client of its own ({len(self.box.doors)} boxes)"

    def _find_location(self) -> str | None:
        locations = self.manager.list_pages("/locker/v1/occupancies")
        ids = (one["id"] for one in locations if one["name"] == LOCATION and one["boxes"]["free"])
        return next(ids, None)

    def _create_location(self) -> str:
        body = {
            "name": LOCATION,
            "address": {"street": "Rua da Palma 1", "city": "Lisboa", "postal_code": "1100-390", "country": "PT"},
            "position": POSITION,
            "opening_hours": "24/7",
            "threshold": 1,
            "deliveryman_id": self.deliveryman.user_id,
            "box_labels": ["A1", "A2", "A3", "A4"],
        }
        return str(self.manager.create("/locker/v1/locations", body)["id"])

    def donor_drafts_a_donation(self) -> str:
        self.donor.log_in()
        item = {
            "category": "coats",
            "size": "38",
            "brand": "Lisboa Lã",
            "colour": "navy",
            "condition": "very_good",
            "story": "It crossed the Atlantic twice.",
        }
        self.order = self.donor.create_donation(item)
        return f"drafts a donation: a {item['colour']} coat with a story ({self.order['state']})"

    def donor_submits_it(self) -> str:
        self.order = self.donor.submit_donation(self.order["id"], self.location_id)
        box = self.order["box"]
        until = format_deadline(datetime.fromisoformat(box["held_until"]))
        return f"submits it to {LOCATION}: box {box['label']} is held until {until}"

    def donor_opens_the_box(self) -> str:
        door = self.open_door(self.donor, self.order["id"])
        self.box.close_door(door, is_occupied=True)
        self.donor.wait_for_donation(self.order["id"], "deposited")
        return f"scans the code on the screen ({self.box.code()[:12]}…): {door.label} opens, the coat is in"

    def donor_gets_coins(self) -> str:
        def read() -> list[Json] | None:
            records = self.donor.get("/billing/v1/coin-records", params={"limit": 20})["items"]
            return [record for record in records if record["order_id"] == self.order["id"]] or None

        coins = sum(record["coins"] for record in wait_for("the coins of the deposit", read))
        return f"gets {coins} coins immediately, and the notification {self._notification('donation-deposited')!r}"

    def _notification(self, template: str) -> str:
        return str(self.donor.wait_for_notification(template, self.order["id"])["title"])

    def deliveryman_prints_the_label(self) -> str:
        work_order = self.deliveryman.wait_for_own_work_order("collecting", self.order["id"])
        self._package = self.deliveryman.create_package(self.order["id"])
        label = self.deliveryman.call("GET", f"/admin/v1/packages/{self._package['id']}/label.pdf").content
        code = self._package["tracking_code"]
        return (
            f"is notified of collecting order {work_order['id'][-6:]} and prints label {code} ({len(label)} bytes)"
        )

    def box_opens_without_a_network(self) -> str:
        self.deliveryman.wait_for_door_right(self.order["id"])
        self.box.sync()
        self.box.go_offline()
        key = self.deliveryman.get("/locker/v1/day-key")["key"]
        doors = self.box.open_offline(key)
        for door in doors:
            self.box.close_door(door, is_occupied=False)
        unsent = self.box.unsent_events
        self.box.go_online()
        return f"loses its network, opens {len(doors)} door by a day key, and reports {unsent} events later"

    def deliveryman_scans_the_package(self) -> str:
        self.deliveryman.scan(self._package["tracking_code"])
        self.donor.wait_for_donation(self.order["id"], "collected")
        return f"scans the package: collected; the donor is notified: {self._notification('donation-collected')!r}"

    def employee_checks_the_coat(self) -> str:
        self.employee.log_in()
        work_order = self.manager.assign_work_order("checking", self.order["id"], self.employee)
        self.employee.scan(self._package["tracking_code"])
        path = f"/admin/v1/checking-orders/{work_order['id']}"
        photo_id = self.employee.upload_photo(f"{path}/photos", coat_picture())
        result = {"result": "good", "notes": "Like new.", "photo_ids": [photo_id]}
        self.employee.call("POST", f"{path}/result", json=result)
        self.donor.wait_for_donation(self.order["id"], "checked_good")
        return "scans it in the warehouse and checks it: good, with notes and a photo"

    def donor_gets_the_share(self, product_id: str) -> str:
        """Wait for the payout of the sold coat."""
        self.donor.wait_for_donation(self.order["id"], "sold")

        def read() -> Json | None:
            payouts = self.donor.get("/billing/v1/payouts", params={"limit": 20})["items"]
            return next((payout for payout in payouts if payout["product_id"] == product_id), None)

        payout = wait_for("the donor's share", read)
        share = f"{payout['share_percent']} % of the sale: {Money.from_dict(payout['amount'])}"
        return f"gets {share} when it can no longer be returned"

    def open_door(self, person: Actor, order_id: str) -> Door:
        person.open_doors(self.box.code(), order_id)
        [door] = self.box.sync()
        return door

    def close(self) -> None:
        self.donor.close()
        self.deliveryman.close()
        if self._box is not None:
            self._box.close()
