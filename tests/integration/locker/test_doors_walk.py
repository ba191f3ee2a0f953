"""Any sequence of holds, codes, doors and news keeps domain rule 3: the right person, there, once per grant.

A box that is used as a machine would use it is simulated; the test keeps its own books and compares.
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
from tests.integration.locker.support import Place, make_place, open_doors, person
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
            session.execute(delete(OutboxRow))  # of the walk before
        self.places = [make_place(self.locker, boxes=2, threshold=2) for _ in range(2)]
        self.orders = [support.new_id("dor") for _ in range(4)]
        self.owner = {order: PEOPLE[number % 2] for number, order in enumerate(self.orders)}
        self.returns = {support.new_id("rdo"): PEOPLE[number % 2] for number in range(2)}
        self.inside: dict[str, str] = {}  # what really lies in a box: box id -> order id
        self.grants: list[tuple[Place, dict[str, Any], str]] = []
        self.used_grants: set[str] = set()
        self.steps_ahead = 0
        for return_id, recipient in self.returns.items():
            support.return_made(self.locker, return_id, self.places[0], recipient)

    def _place(self, slot: int) -> Place:
        return self.places[slot % 2]

    @rule(slot=SLOT, where=SLOT)
    def hold(self, slot: int, where: int) -> None:
        order = self.orders[slot]
        support.hold(self.locker, self._place(where), self.owner[order], order)

    @rule(who=WHO, where=SLOT, slot=SLOT, names_order=st.booleans(), is_fresh=st.booleans())
    def scan_a_code(self, who: str, where: int, slot: int, names_order: bool, is_fresh: bool) -> None:
        """Codes may be old ones; what opens has to be the person's own, at this location."""
        place = self._place(where)
        moment = clock.now() if is_fresh else clock.now() - timedelta(minutes=3)
        if is_fresh:
            with db.unit_of_work() as session:
                session.execute(delete(UsedCode))  # as if half a minute had passed
        ask = person(self.locker, who, "internal" if who in STAFF else "customer")
        answer = open_doors(ask, place, place.code(moment), self.orders[slot] if names_order else None)
        if answer.status_code != 200:
            assert answer.status_code in (404, 409), answer.text
            return
        assert is_fresh, "an old code opened a door"
        for opening in answer.json()["openings"]:
            self._must_be_allowed(who, place, opening)
            self.grants.append((place, opening, who))

    def _must_be_allowed(self, who: str, place: Place, opening: dict[str, Any]) -> None:
        order, purpose = opening["order_id"], opening["purpose"]
        assert self._location_of(opening["box_id"]) == place.id
        if purpose in ("deposit", "withdraw"):
            assert self.owner[order] == who
        elif purpose == "pick_up":
            assert self.returns[order] == who
        else:
            assert who in STAFF
        if purpose in ("withdraw", "collect", "pick_up"):
            assert self.inside.get(opening["box_id"]) == order, "somebody else's package is behind that door"

    @rule(slot=SLOT, where=SLOT)
    def deposit(self, slot: int, where: int) -> None:
        """The usual way of a donation."""
        self.hold(slot, where)
        self.scan_a_code(self.owner[self.orders[slot]], where, slot, True, True)
        self.use_a_door(-1, True, False)

    @rule(slot=SLOT, where=SLOT, who=st.sampled_from(STAFF))
    def empty_the_box(self, slot: int, where: int, who: str) -> None:
        """The usual way of a collection."""
        self.deposit(slot, where)
        self.give_collecting_work(slot, who, "assigned")
        self.scan_a_code(who, where, slot, False, True)
        for _ in range(3):
            self.use_a_door(-1, True, False)

    @rule(slot=SLOT, who=st.sampled_from(STAFF))
    def bring_a_package(self, slot: int, who: str) -> None:
        """The usual way of a package that goes back to its donor."""
        self.give_shipping_work(slot, who)
        for person_there in (who, list(self.returns.values())[slot % 2]):
            self.scan_a_code(person_there, 0, slot, False, True)
            for _ in range(3):
                self.use_a_door(-1, True, False)

    @rule(slot=SLOT, where=SLOT)
    def take_back(self, slot: int, where: int) -> None:
        """The usual way of a cancelled deposit, or of a package that came back."""
        self.cancel(slot, ("cancelling", "deposited"))
        self.pay_the_fee(slot)
        self.scan_a_code(self.owner[self.orders[slot]], where, slot, False, True)
        for _ in range(3):
            self.use_a_door(-1, True, False)

    @rule(number=st.integers(0, 9), does_it=st.booleans(), again=st.booleans())
    def use_a_door(self, number: int, does_it: bool, again: bool) -> None:
        """A door opens by a grant and closes; a machine uses a grant once, but its report may come twice."""
        if not self.grants:
            return
        place, opening, _ = self.grants.pop(number if number < len(self.grants) else -1)
        if opening["grant_id"] in self.used_grants or not self._is_open(opening):
            return
        self.used_grants.add(opening["grant_id"])
        opened = place.event("opened", grant_id=opening["grant_id"])
        closed = self._closes(place, opening, does_it)
        for _ in range(2 if again else 1):
            assert place.report(opened, closed).status_code == 200
        type(self).uses[opening["purpose"]] += 1

    @rule(slot=SLOT, where=SLOT, other=SLOT, does_it=st.booleans())
    def cancel_with_the_door_open(self, slot: int, where: int, other: int, does_it: bool) -> None:
        """The hold ends while the door is open, and another order may have the box when it closes."""
        self.hold(slot, where)
        self.scan_a_code(self.owner[self.orders[slot]], where, slot, True, True)
        if not self.grants:
            return
        place, opening, _ = self.grants.pop()
        if opening["grant_id"] in self.used_grants or not self._is_open(opening):
            return
        self.used_grants.add(opening["grant_id"])
        assert place.report(place.event("opened", grant_id=opening["grant_id"])).status_code == 200
        self.cancel(slot, ("cancelled", "submitted"))
        self.hold(other, where)
        type(self).uses["after its end"] += not self._is_open(opening)
        assert place.report(self._closes(place, opening, does_it)).status_code == 200

    def _closes(self, place: Place, opening: dict[str, Any], does_it: bool) -> dict[str, Any]:
        """The person did what the door was opened for, unless somebody was there before: a package has one box."""
        box_id, order = opening["box_id"], opening["order_id"]
        if does_it and opening["purpose"] in ("deposit", "ship") and order not in self.inside.values():
            self.inside.setdefault(box_id, order)
        elif does_it and opening["purpose"] not in ("deposit", "ship") and self.inside.get(box_id) == order:
            del self.inside[box_id]
        return place.event("closed", grant_id=opening["grant_id"], is_occupied=box_id in self.inside)

    @staticmethod
    def _is_open(opening: dict[str, Any]) -> bool:
        """Grants live for seconds: one whose right has ended in between has expired by the time it is used."""
        with db.unit_of_work(reads_only=True) as session:
            found = session.scalars(
                select(DoorRight).where(DoorRight.order_id == opening["order_id"], DoorRight.state == "open")
            )
            return any(right.purpose == opening["purpose"] and right.box_id == opening["box_id"] for right in found)

    @rule(slot=SLOT, who=st.sampled_from(STAFF), state=st.sampled_from(["assigned", "assigned", "failed"]))
    def give_collecting_work(self, slot: int, who: str, state: str) -> None:
        order = self.orders[slot]
        for place in self.places:
            for box_id in self._boxes_of(order, place):
                support.work_order(self.locker, "collecting", state, place, who, (order, box_id))

    @rule(slot=SLOT, who=st.sampled_from(STAFF))
    def give_shipping_work(self, slot: int, who: str) -> None:
        return_id = list(self.returns)[slot % 2]
        if return_id not in self._delivered():
            support.work_order(self.locker, "shipping", "assigned", self.places[0], who, (return_id, None))

    @rule(slot=SLOT, state=st.sampled_from([("cancelling", "deposited"), ("cancelled", "submitted")]))
    def cancel(self, slot: int, state: tuple[str, str]) -> None:
        support.donation_moved(self.locker, self.orders[slot], *state)

    @rule(slot=SLOT)
    def pay_the_fee(self, slot: int) -> None:
        order = self.orders[slot]
        support.occupation_paid(self.locker, order, self.owner[order])

    @rule()
    def let_jobs_run(self) -> None:
        with db.unit_of_work():
            jobs.serve_box_requests()
            jobs.release_overdue_holds()

    @invariant()
    def boxes_are_as_they_are(self) -> None:
        with db.unit_of_work(reads_only=True) as session:
            here = [place.id for place in self.places]
            for box in session.scalars(select(Box).where(Box.location_id.in_(here))):
                assert (box.state == "occupied") == (box.id in self.inside), (box.state, self.inside.get(box.id))
                if box.state == "occupied":
                    assert box.held_for_order_id == self.inside[box.id]
                if box.state == "free":
                    assert box.held_for_order_id is None
                rights = select(DoorRight).where(DoorRight.box_id == box.id, DoorRight.state == "open")
                owners = {right.order_id for right in session.scalars(rights)}
                assert owners <= {box.held_for_order_id}, "a door for an order whose box it is not"

    @invariant()
    def each_purpose_is_fulfilled_once(self) -> None:
        told = [event["right_id"] for event in self.locker.published("locker.door.used.v1")]
        assert len(told) == len(set(told))

    @invariant()
    def each_deposit_is_asked_for_once(self) -> None:
        told = [
            (deposit["order_id"], deposit["box_id"])
            for event in self.locker.published("locker.location.threshold_reached.v1")
            for deposit in event["deposits"]
        ]
        deposits = [
            (event["order_id"], event["box_id"])
            for event in self.locker.published("locker.door.used.v1")
            if event["purpose"] == "deposit"
        ]
        assert all(told.count(one) <= deposits.count(one) for one in told)

    def _delivered(self) -> set[str]:
        used = self.locker.published("locker.door.used.v1")
        return {event["order_id"] for event in used if event["purpose"] == "ship"}

    @staticmethod
    def _boxes_of(order: str, place: Place) -> list[str]:
        with db.unit_of_work(reads_only=True) as session:
            found = select(Box.id).where(Box.location_id == place.id, Box.held_for_order_id == order)
            return list(session.scalars(found))

    @staticmethod
    def _location_of(box_id: str) -> str:
        with db.unit_of_work(reads_only=True) as session:
            return session.get_one(Box, box_id).location_id


def walk(database_url: str, walks: int, least_uses: int) -> None:
    """Walk so many times; each purpose of a door, and one that closes after its end, occurs `least_uses` times."""
    with running("locker", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        Doors.locker, Doors.uses = harness, Counter()
        chosen = settings(
            max_examples=walks,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Doors, settings=chosen)
        assert min(Doors.uses[use] for use in (*IS_OCCUPIED_AFTER, "after its end")) >= least_uses, Doors.uses


def test_no_short_walk_opens_a_door_to_the_wrong_person(database_url: str) -> None:
    walk(database_url, walks=10, least_uses=1)


@pytest.mark.real_servers(only=True)
@pytest.mark.timeout(300)
def test_no_long_walk_opens_a_door_to_the_wrong_person(database_url: str) -> None:
    walk(database_url, walks=50, least_uses=4)
