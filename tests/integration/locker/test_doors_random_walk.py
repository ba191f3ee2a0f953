"""A random walk over holds, codes, doors and events: a door opens only for its person, at its location, once.

The test simulates the boxes, keeps track of what is in them, and compares that with the service after each step.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from libs.chassis import clock, db
from libs.chassis.tables import OutboxRow
from services.locker.boxes.tables import Box
from services.locker.doors.rules import IS_OCCUPIED_AFTER
from services.locker.doors.tables import DoorRight, UsedCode
from services.locker.holds import jobs
from tests.integration.locker import support
from tests.integration.locker.support import Site, create_site, open_doors
from tests.support.harness import Harness, running

PEOPLE = ("ines", "rui", "paulo", "rita")
STAFF = ("paulo", "rita")
SLOT = st.integers(0, 3)
WHO = st.sampled_from(PEOPLE)


class Doors(RuleBasedStateMachine):
    """Two locations with two boxes each, four orders, two donors and two deliverymen."""

    locker: Harness
    uses: Counter[str]

    @initialize()
    def begin(self) -> None:
        with db.unit_of_work() as session:
            session.execute(delete(OutboxRow))  # events of the previous walk
        self.sites = [create_site(self.locker, boxes=2, threshold=2) for _ in range(2)]
        self.orders = [support.new_id("dor") for _ in range(4)]
        self.owner = {order: PEOPLE[number % 2] for number, order in enumerate(self.orders)}
        self.returns = {support.new_id("rdo"): PEOPLE[number % 2] for number in range(2)}
        self.inside: dict[str, str] = {}  # what is in the boxes: box id -> order id
        self.grants: list[tuple[Site, dict[str, Any], str]] = []
        self.used_grants: set[str] = set()
        for return_id, recipient in self.returns.items():
            support.deliver_donation_return(self.locker, return_id, self.sites[0], recipient)

    def _site(self, slot: int) -> Site:
        return self.sites[slot % 2]

    @rule(slot=SLOT, where=SLOT)
    def hold(self, slot: int, where: int) -> None:
        order = self.orders[slot]
        support.hold_box(self.locker, self._site(where), self.owner[order], order)

    @rule(who=WHO, where=SLOT, slot=SLOT, names_order=st.booleans(), is_fresh=st.booleans())
    def scan_code(self, who: str, where: int, slot: int, names_order: bool, is_fresh: bool) -> None:
        """Use a current or an expired code; only doors of the person at this location may open."""
        site = self._site(where)
        at = clock.now() if is_fresh else clock.now() - timedelta(minutes=3)
        if is_fresh:
            with db.unit_of_work() as session:
                session.execute(delete(UsedCode))  # as if the next code were on the screen
        client = support.create_client(self.locker, who, "internal" if who in STAFF else "customer")
        response = open_doors(client, site, site.code(at), self.orders[slot] if names_order else None)
        if response.status_code != 200:
            assert response.status_code in (404, 409), response.text
            return
        assert is_fresh, "an expired code opened a door"
        for opening in response.json()["openings"]:
            self._assert_allowed(who, site, opening)
            self.grants.append((site, opening, who))

    def _assert_allowed(self, who: str, site: Site, opening: dict[str, Any]) -> None:
        order, purpose = opening["order_id"], opening["purpose"]
        assert self._location_of(opening["box_id"]) == site.id
        if purpose in ("deposit", "withdraw"):
            assert self.owner[order] == who
        elif purpose == "pick_up":
            assert self.returns[order] == who
        else:
            assert who in STAFF
        if purpose in ("withdraw", "collect", "pick_up"):
            assert self.inside.get(opening["box_id"]) == order, "the box has the package of another order"

    @rule(slot=SLOT, where=SLOT)
    def deposit(self, slot: int, where: int) -> None:
        """A complete deposit."""
        self.hold(slot, where)
        self.scan_code(self.owner[self.orders[slot]], where, slot, True, True)
        self.use_door(-1, True, False)

    @rule(slot=SLOT, where=SLOT, who=st.sampled_from(STAFF))
    def collect(self, slot: int, where: int, who: str) -> None:
        """A complete collection."""
        self.deposit(slot, where)
        self.assign_collecting_order(slot, who, "assigned")
        self.scan_code(who, where, slot, False, True)
        for _ in range(3):
            self.use_door(-1, True, False)

    @rule(slot=SLOT, who=st.sampled_from(STAFF))
    def ship_package(self, slot: int, who: str) -> None:
        """A complete return of a donation to its donor."""
        self.assign_shipping_order(slot, who)
        for person in (who, list(self.returns.values())[slot % 2]):
            self.scan_code(person, 0, slot, False, True)
            for _ in range(3):
                self.use_door(-1, True, False)

    @rule(slot=SLOT, where=SLOT)
    def withdraw(self, slot: int, where: int) -> None:
        """A complete withdrawal of a cancelled deposit."""
        self.cancel(slot, ("cancelling", "deposited"))
        self.pay_fee(slot)
        self.scan_code(self.owner[self.orders[slot]], where, slot, False, True)
        for _ in range(3):
            self.use_door(-1, True, False)

    @rule(number=st.integers(0, 9), fulfils=st.booleans(), is_repeated=st.booleans())
    def use_door(self, number: int, fulfils: bool, is_repeated: bool) -> None:
        """Open a door with a grant and close it; a controller uses a grant once, but may repeat its report."""
        if not self.grants:
            return
        site, opening, _ = self.grants.pop(number if number < len(self.grants) else -1)
        if opening["grant_id"] in self.used_grants or not self._is_open(opening):
            return
        self.used_grants.add(opening["grant_id"])
        opened = site.event("opened", grant_id=opening["grant_id"])
        closed = self._closed_event(site, opening, fulfils)
        for _ in range(2 if is_repeated else 1):
            assert site.report(opened, closed).status_code == 200
        type(self).uses[opening["purpose"]] += 1

    @rule(slot=SLOT, where=SLOT, other=SLOT, fulfils=st.booleans())
    def cancel_while_door_is_open(self, slot: int, where: int, other: int, fulfils: bool) -> None:
        """End the hold while the door is open; another order may hold the box when the door closes."""
        self.hold(slot, where)
        self.scan_code(self.owner[self.orders[slot]], where, slot, True, True)
        if not self.grants:
            return
        site, opening, _ = self.grants.pop()
        if opening["grant_id"] in self.used_grants or not self._is_open(opening):
            return
        self.used_grants.add(opening["grant_id"])
        assert site.report(site.event("opened", grant_id=opening["grant_id"])).status_code == 200
        self.cancel(slot, ("cancelled", "submitted"))
        self.hold(other, where)
        type(self).uses["after its right ended"] += not self._is_open(opening)
        assert site.report(self._closed_event(site, opening, fulfils)).status_code == 200

    def _closed_event(self, site: Site, opening: dict[str, Any], fulfils: bool) -> dict[str, Any]:
        """Fulfil the purpose or not, and close the door; a package is in one box at most."""
        box_id, order = opening["box_id"], opening["order_id"]
        if fulfils and opening["purpose"] in ("deposit", "ship") and order not in self.inside.values():
            self.inside.setdefault(box_id, order)
        elif fulfils and opening["purpose"] not in ("deposit", "ship") and self.inside.get(box_id) == order:
            del self.inside[box_id]
        return site.event("closed", grant_id=opening["grant_id"], is_occupied=box_id in self.inside)

    @staticmethod
    def _is_open(opening: dict[str, Any]) -> bool:
        """Whether the right of a grant is open; a grant expires within seconds after its right has ended."""
        query = select(DoorRight.id).where(
            DoorRight.order_id == opening["order_id"],
            DoorRight.state == "open",
            DoorRight.purpose == opening["purpose"],
            DoorRight.box_id == opening["box_id"],
        )
        with db.unit_of_work(reads_only=True) as session:
            return session.scalar(query) is not None

    @rule(slot=SLOT, who=st.sampled_from(STAFF), state=st.sampled_from(["assigned", "assigned", "failed"]))
    def assign_collecting_order(self, slot: int, who: str, state: str) -> None:
        order = self.orders[slot]
        for site in self.sites:
            for box_id in self._boxes_of(order, site):
                support.deliver_work_order(self.locker, "collecting", state, site, who, (order, box_id))

    @rule(slot=SLOT, who=st.sampled_from(STAFF))
    def assign_shipping_order(self, slot: int, who: str) -> None:
        return_id = list(self.returns)[slot % 2]
        if return_id not in self._shipped():
            support.deliver_work_order(self.locker, "shipping", "assigned", self.sites[0], who, (return_id, None))

    @rule(slot=SLOT, state=st.sampled_from([("cancelling", "deposited"), ("cancelled", "submitted")]))
    def cancel(self, slot: int, state: tuple[str, str]) -> None:
        support.deliver_donation_state(self.locker, self.orders[slot], *state)

    @rule(slot=SLOT)
    def pay_fee(self, slot: int) -> None:
        order = self.orders[slot]
        support.deliver_occupation_fee_paid(self.locker, order, self.owner[order])

    @rule()
    def run_jobs(self) -> None:
        jobs.serve_box_requests()
        jobs.release_overdue_holds()

    @invariant()
    def boxes_have_the_state_of_their_contents(self) -> None:
        with db.unit_of_work(reads_only=True) as session:
            site_ids = [site.id for site in self.sites]
            for box in session.scalars(select(Box).where(Box.location_id.in_(site_ids))):
                assert (box.state == "occupied") == (box.id in self.inside), (box.state, self.inside.get(box.id))
                if box.state == "occupied":
                    assert box.held_for_order_id == self.inside[box.id]
                if box.state == "free":
                    assert box.held_for_order_id is None
                rights = select(DoorRight).where(DoorRight.box_id == box.id, DoorRight.state == "open")
                owners = {right.order_id for right in session.scalars(rights)}
                assert owners <= {box.held_for_order_id}, "a right for an order that does not have the box"

    @invariant()
    def each_right_is_used_once(self) -> None:
        used = [event["right_id"] for event in self.locker.published("locker.door.used.v1")]
        assert len(used) == len(set(used))

    @invariant()
    def each_collection_is_requested_once(self) -> None:
        requested = [
            (deposit["order_id"], deposit["box_id"])
            for event in self.locker.published("locker.location.threshold_reached.v1")
            for deposit in event["deposits"]
        ]
        deposits = [
            (event["order_id"], event["box_id"])
            for event in self.locker.published("locker.door.used.v1")
            if event["purpose"] == "deposit"
        ]
        assert all(requested.count(one) <= deposits.count(one) for one in requested)

    def _shipped(self) -> set[str]:
        used = self.locker.published("locker.door.used.v1")
        return {event["order_id"] for event in used if event["purpose"] == "ship"}

    @staticmethod
    def _boxes_of(order: str, site: Site) -> list[str]:
        with db.unit_of_work(reads_only=True) as session:
            query = select(Box.id).where(Box.location_id == site.id, Box.held_for_order_id == order)
            return list(session.scalars(query))

    @staticmethod
    def _location_of(box_id: str) -> str:
        with db.unit_of_work(reads_only=True) as session:
            return session.get_one(Box, box_id).location_id


def run_walks(database_url: str, walks: int, min_uses: int) -> None:
    """Run a number of walks, in which each purpose and a use after the end of a right occur `min_uses` times."""
    with running("locker", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        Doors.locker, Doors.uses = harness, Counter()
        walk_settings = settings(
            max_examples=walks,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Doors, settings=walk_settings)
        assert min(Doors.uses[use] for use in (*IS_OCCUPIED_AFTER, "after its right ended")) >= min_uses, Doors.uses


def test_doors_open_for_the_right_person_only(database_url: str) -> None:
    run_walks(database_url, walks=10, min_uses=1)


@pytest.mark.real_servers(only=True)
@pytest.mark.timeout(300)
def test_doors_open_for_the_right_person_only_in_many_walks(database_url: str) -> None:
    run_walks(database_url, walks=50, min_uses=4)
