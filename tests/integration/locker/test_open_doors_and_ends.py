"""A right that ends while its door is open, or before the news of the door is in: what was done counts, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from libs.chassis import clock, db
from services.locker.boxes.tables import Box
from services.locker.holds import jobs
from tests.integration.locker.support import (
    Ask,
    Place,
    boxes,
    cancelled,
    deposit,
    donation_moved,
    hold,
    make_place,
    new_id,
    open_doors,
    paid,
    person,
    put_in,
    refusal,
    return_moved,
    work_order,
)
from tests.support.harness import Harness, user_id

NOTHING = (404, "nothing-to-open")


@dataclass
class Door:
    """A door that a person opened, with what its controller tells of it."""

    place: Place
    grant_id: str
    box_id: str

    def tell_opened(self) -> None:
        self._tell([self.place.event("opened", grant_id=self.grant_id)])

    def tell_closed(self, is_occupied: bool) -> None:
        self._tell([self.place.event("closed", grant_id=self.grant_id, is_occupied=is_occupied)])

    def _tell(self, events: list[dict[str, object]]) -> None:
        answer = self.place.report(*events)
        assert answer.status_code == 200, answer.text


def door_of(locker: Harness, place: Place, name: str, order_id: str, kind: str = "customer") -> Door:
    answer = try_door(locker, place, name, order_id, kind)
    assert answer.status_code == 200, answer.text
    [opening] = answer.json()["openings"]
    return Door(place, opening["grant_id"], opening["box_id"])


def try_door(locker: Harness, place: Place, name: str, order_id: str, kind: str = "customer") -> httpx.Response:
    """With the next code: it may be the second time."""
    code = place.code(clock.now() + timedelta(seconds=30))
    return open_doors(person(locker, name, kind), place, code, order_id)


def used(locker: Harness) -> list[tuple[str, str, str]]:
    told = locker.published("locker.door.used.v1")
    return [(event["purpose"], event["order_id"], event["person_id"]) for event in told]


def anomalies(locker: Harness, place: Place) -> list[str]:
    staff = locker.as_user("marta", "locker:activity:read", kind="internal", roles=["manager"])
    log = staff("GET", "/locker/v1/activity", params={"location_id": place.id, "limit": 100}).json()["items"]
    return [entry["details"]["reason"] for entry in log if entry["kind"] == "anomaly"]


def owner_of(box_id: str) -> str | None:
    with db.unit_of_work(reads_only=True) as session:
        return session.get_one(Box, box_id).held_for_order_id


def let_holds_lapse() -> None:
    with db.unit_of_work() as session:
        session.execute(update(Box).values(held_until=clock.now() - timedelta(seconds=1)))
    with db.unit_of_work():
        jobs.release_overdue_holds()


def make_return(locker: Harness, place: Place) -> str:
    return_id, held = hold(locker, place, order_id=new_id("rbo"))
    assert held.status_code == 200, held.text
    return_moved(locker, return_id, "created")
    return return_id


def order_that_ends_with_its_door_open(locker: Harness, place: Place) -> tuple[str, Door]:
    """Its buyer stands there; Rita is to collect what is in the box."""
    order_id = new_id("bor")
    paid(locker, place, order_id)
    put_in(locker, place, order_id)
    door = door_of(locker, place, "ines", order_id)
    door.tell_opened()
    cancelled(locker, place, order_id)
    work_order(locker, "collecting", "assigned", place, "rita", (order_id, door.box_id))
    return order_id, door


@pytest.mark.story("b-po-02")
def test_a_buyer_who_took_nothing_is_not_let_in_after_the_order_ended(empty_locker: Harness, place: Place) -> None:
    order_id = new_id("bor")
    paid(empty_locker, place, order_id)
    put_in(empty_locker, place, order_id)
    door = door_of(empty_locker, place, "ines", order_id)
    late = [
        place.event("opened", grant_id=door.grant_id),
        place.event("closed", grant_id=door.grant_id, is_occupied=True),
    ]
    cancelled(empty_locker, place, order_id)
    assert place.report(*late).status_code == 200
    assert refusal(try_door(empty_locker, place, "ines", order_id)) == NOTHING
    assert place.state_of(door.box_id) == "occupied"
    assert [purpose for purpose, *_ in used(empty_locker)] == ["ship"]


@pytest.mark.story("mf-co-03")
def test_work_that_was_tried_before_it_was_reassigned_is_one_persons(empty_locker: Harness, place: Place) -> None:
    order_id = new_id("bor")
    paid(empty_locker, place, order_id)
    work_order(empty_locker, "shipping", "assigned", place, "paulo", (order_id, None))
    door = door_of(empty_locker, place, "paulo", order_id, "internal")
    late = [
        place.event("opened", grant_id=door.grant_id),
        place.event("closed", grant_id=door.grant_id, is_occupied=False),
    ]
    work_order(empty_locker, "shipping", "open", place, None, (order_id, None))
    work_order(empty_locker, "shipping", "assigned", place, "rita", (order_id, None))
    assert place.report(*late).status_code == 200
    assert refusal(try_door(empty_locker, place, "paulo", order_id, "internal")) == NOTHING
    assert try_door(empty_locker, place, "rita", order_id, "internal").status_code == 200


@pytest.mark.story("b-po-02")
def test_what_a_buyer_takes_while_the_order_ends_is_taken(empty_locker: Harness, place: Place) -> None:
    order_id = new_id("bor")
    paid(empty_locker, place, order_id)
    put_in(empty_locker, place, order_id)
    door = door_of(empty_locker, place, "ines", order_id)
    door.tell_opened()
    cancelled(empty_locker, place, order_id)
    door.tell_closed(is_occupied=False)
    assert used(empty_locker)[1:] == [("pick_up", order_id, user_id("ines"))]
    assert place.state_of(door.box_id) == "free"
    assert anomalies(empty_locker, place) == []


def test_a_box_that_was_emptied_is_collected_by_nobody(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=1, threshold=1)
    order_id, door = order_that_ends_with_its_door_open(empty_locker, place)
    next_id = new_id("bor")
    door.tell_closed(is_occupied=False)
    paid(empty_locker, place, next_id)
    assert owner_of(door.box_id) == next_id
    assert refusal(try_door(empty_locker, place, "rita", order_id, "internal")) == NOTHING


@pytest.mark.story("rb-r-re-02")
@pytest.mark.parametrize("end", ["cancelled", "expired", "overdue"])
def test_clothes_that_go_in_while_a_return_ends_are_returned(empty_locker: Harness, place: Place, end: str) -> None:
    return_id = make_return(empty_locker, place)
    door = door_of(empty_locker, place, "ines", return_id)
    door.tell_opened()
    if end == "overdue":
        let_holds_lapse()
    else:
        return_moved(empty_locker, return_id, end)
    assert place.state_of(door.box_id) == "free"
    door.tell_closed(is_occupied=True)
    assert used(empty_locker) == [("deposit", return_id, user_id("ines"))]
    assert (place.state_of(door.box_id), owner_of(door.box_id)) == ("occupied", return_id)
    assert refusal(try_door(empty_locker, place, "ines", return_id)) == NOTHING


def test_a_return_that_ends_with_its_door_closed_on_nothing_has_ended(empty_locker: Harness, place: Place) -> None:
    return_id = make_return(empty_locker, place)
    door = door_of(empty_locker, place, "ines", return_id)
    door.tell_opened()
    return_moved(empty_locker, return_id, "cancelled")
    door.tell_closed(is_occupied=False)
    assert used(empty_locker) == []
    assert set(boxes(place)) == {"free"}
    assert refusal(try_door(empty_locker, place, "ines", return_id)) == NOTHING


@pytest.mark.story("mf-co-03")
def test_a_package_that_goes_in_while_its_work_is_reassigned_is_in(
    empty_locker: Harness, place: Place, ines: Ask
) -> None:
    order_id = new_id("bor")
    paid(empty_locker, place, order_id)
    work_order(empty_locker, "shipping", "assigned", place, "paulo", (order_id, None))
    door = door_of(empty_locker, place, "paulo", order_id, "internal")
    door.tell_opened()
    work_order(empty_locker, "shipping", "open", place, None, (order_id, None))
    work_order(empty_locker, "shipping", "assigned", place, "rita", (order_id, None))
    door.tell_closed(is_occupied=True)
    assert used(empty_locker) == [("ship", order_id, user_id("paulo"))]
    assert refusal(try_door(empty_locker, place, "rita", order_id, "internal")) == NOTHING
    [opening] = open_doors(ines, place, order_id=order_id).json()["openings"]
    assert (opening["purpose"], opening["box_id"]) == ("pick_up", door.box_id)


def test_a_door_that_was_opened_after_the_right_had_ended_counts_for_nothing(
    empty_locker: Harness, place: Place
) -> None:
    taken = deposit(empty_locker, place)
    work_order(empty_locker, "collecting", "assigned", place, "paulo", taken)
    [ahead] = place.ahead()
    work_order(empty_locker, "collecting", "assigned", place, "rita", taken)
    place.use(ahead["grant_id"], False)
    assert [purpose for purpose, *_ in used(empty_locker)] == ["deposit"]
    assert place.state_of(taken[1]) == "occupied"
    assert anomalies(empty_locker, place) == ["a door was used for a right that is void"]
    place.report(place.event("closed", grant_id=ahead["grant_id"], is_occupied=False))
    assert anomalies(empty_locker, place)[0] == "a door was closed that was not opened"


def test_a_package_that_was_put_in_too_late_lies_in_a_box_that_nobody_uses(empty_locker: Harness) -> None:
    place, order_id = make_place(empty_locker, boxes=2), new_id("bor")
    paid(empty_locker, place, order_id)
    work_order(empty_locker, "shipping", "assigned", place, "paulo", (order_id, None))
    [ahead] = place.ahead()
    cancelled(empty_locker, place, order_id)
    donation, held = hold(empty_locker, place, "zoe")
    box_id = held.json()["box_id"]
    place.use(ahead["grant_id"], True)
    assert used(empty_locker) == []
    assert door_of(empty_locker, place, "zoe", donation).box_id != box_id, "nobody opens a door on the package"
    scopes = "locker:boxes:read locker:boxes:write locker:maintenance:read"
    staff = empty_locker.as_user("marta", scopes, kind="internal", roles=["manager"])
    query = {"location_id": place.id, "state": "out_of_service"}
    [shut] = staff("GET", "/locker/v1/boxes", params=query).json()["items"]
    assert shut["id"] == box_id
    assert order_id in shut["out_of_service_reason"]
    [record] = staff("GET", "/locker/v1/maintenance-records", params={"box_id": box_id}).json()["items"]
    assert (record["reason"], record["opened_by"]) == (shut["out_of_service_reason"], user_id("paulo"))
    assert staff("PATCH", f"/locker/v1/boxes/{box_id}", json={"state": "free"}).status_code == 200


class TestTheBoxIsSomebodyElsesByNow:
    """The door was open while its box was given on."""

    def test_a_donor_who_has_the_hold_by_now_gets_another_box(self, empty_locker: Harness) -> None:
        place = make_place(empty_locker, boxes=1)
        return_id = make_return(empty_locker, place)
        door = door_of(empty_locker, place, "ines", return_id)
        door.tell_opened()
        return_moved(empty_locker, return_id, "cancelled")
        donation, held = hold(empty_locker, place, "zoe")
        assert held.json()["box_id"] == door.box_id
        with db.unit_of_work() as session:
            session.add(Box(id=(other := new_id("box")), location_id=place.id, label="B1", state="free"))
        door.tell_closed(is_occupied=True)
        assert owner_of(door.box_id) == return_id
        assert door_of(empty_locker, place, "zoe", donation).box_id == other

    def test_a_donor_for_whom_no_box_is_left_opens_nobody_elses(self, empty_locker: Harness) -> None:
        place = make_place(empty_locker, boxes=1)
        return_id = make_return(empty_locker, place)
        door = door_of(empty_locker, place, "ines", return_id)
        door.tell_opened()
        return_moved(empty_locker, return_id, "cancelled")
        donation, _ = hold(empty_locker, place, "zoe")
        door.tell_closed(is_occupied=True)
        assert refusal(try_door(empty_locker, place, "zoe", donation)) == NOTHING
        assert "the box of an order was used, and no other is free" in anomalies(empty_locker, place)
        elsewhere = make_place(empty_locker, boxes=1)
        assert hold(empty_locker, elsewhere, "zoe", donation)[1].status_code == 200

    def test_a_package_waits_for_another_box_with_its_deliveryman(self, empty_locker: Harness) -> None:
        place = make_place(empty_locker, boxes=1, threshold=9)
        return_id, order_id = make_return(empty_locker, place), new_id("bor")
        door = door_of(empty_locker, place, "ines", return_id)
        door.tell_opened()
        return_moved(empty_locker, return_id, "cancelled")
        paid(empty_locker, place, order_id)
        work_order(empty_locker, "shipping", "assigned", place, "paulo", (order_id, None))
        door.tell_closed(is_occupied=True)
        assert (owner_of(door.box_id), boxes(place)) == (return_id, ["occupied"])
        assert refusal(try_door(empty_locker, place, "paulo", order_id, "internal")) == NOTHING
        work_order(empty_locker, "collecting", "assigned", place, "rita", (return_id, door.box_id))
        collected = door_of(empty_locker, place, "rita", return_id, "internal")
        place.use(collected.grant_id, False)
        with db.unit_of_work():
            jobs.serve_box_requests()
        assert door_of(empty_locker, place, "paulo", order_id, "internal").box_id == door.box_id

    def test_a_box_that_was_filled_by_somebody_else_keeps_that_package(self, empty_locker: Harness) -> None:
        place = make_place(empty_locker, boxes=1, threshold=9)
        return_id = make_return(empty_locker, place)
        door = door_of(empty_locker, place, "ines", return_id)
        door.tell_opened()
        return_moved(empty_locker, return_id, "cancelled")
        donation, box_id = deposit(empty_locker, place, "zoe")
        door.tell_closed(is_occupied=True)
        assert owner_of(box_id) == donation
        assert used(empty_locker) == [("deposit", donation, user_id("zoe"))]
        assert anomalies(empty_locker, place) == ["a box that is occupied was used"]

    def test_an_empty_box_stays_held_for_the_next(self, empty_locker: Harness) -> None:
        place = make_place(empty_locker, boxes=1, threshold=9)
        order_id, door = order_that_ends_with_its_door_open(empty_locker, place)
        next_id = new_id("bor")
        collected = door_of(empty_locker, place, "rita", order_id, "internal")
        place.use(collected.grant_id, False)
        paid(empty_locker, place, next_id)
        door.tell_closed(is_occupied=False)
        assert (owner_of(door.box_id), boxes(place)) == (next_id, ["held"])
        assert [purpose for purpose, *_ in used(empty_locker)] == ["ship", "collect"]
        assert anomalies(empty_locker, place) == ["a box that is held was used"]


class TestTheOrderHasAnotherBoxByNow:
    """The hold lapsed while the door was open, and the donor chose again."""

    @staticmethod
    def _lapsed(locker: Harness, place: Place, elsewhere: Place) -> tuple[str, Door]:
        order_id, _ = hold(locker, place)
        door = door_of(locker, place, "ines", order_id)
        door.tell_opened()
        let_holds_lapse()
        assert hold(locker, elsewhere, order_id=order_id)[1].status_code == 200
        return order_id, door

    def test_that_one_is_free_again(self, empty_locker: Harness, place: Place) -> None:
        elsewhere = make_place(empty_locker)
        order_id, door = self._lapsed(empty_locker, place, elsewhere)
        door.tell_closed(is_occupied=True)
        assert used(empty_locker) == [("deposit", order_id, user_id("ines"))]
        assert owner_of(door.box_id) == order_id
        assert set(boxes(elsewhere)) == {"free"}
        assert refusal(try_door(empty_locker, elsewhere, "ines", order_id)) == NOTHING

    def test_with_clothes_in_both_staff_has_to_look(self, empty_locker: Harness, place: Place) -> None:
        elsewhere = make_place(empty_locker)
        order_id, door = self._lapsed(empty_locker, place, elsewhere)
        second = door_of(empty_locker, elsewhere, "ines", order_id)
        elsewhere.use(second.grant_id, True)
        door.tell_closed(is_occupied=True)
        assert used(empty_locker) == [("deposit", order_id, user_id("ines"))]
        assert owner_of(second.box_id) == order_id
        scopes = "locker:boxes:read locker:boxes:write"
        staff = empty_locker.as_user("marta", scopes, kind="internal", roles=["manager"])
        query = {"location_id": place.id, "state": "out_of_service"}
        [shut] = staff("GET", "/locker/v1/boxes", params=query).json()["items"]
        assert (shut["id"], shut["held_for_order_id"]) == (door.box_id, None)
        assert order_id in shut["out_of_service_reason"]
        assert staff("PATCH", f"/locker/v1/boxes/{door.box_id}", json={"state": "free"}).status_code == 200


def test_a_donation_that_is_cancelled_with_its_door_open_is_a_deposit(empty_locker: Harness, place: Place) -> None:
    order_id, _ = hold(empty_locker, place)
    door = door_of(empty_locker, place, "ines", order_id)
    door.tell_opened()
    donation_moved(empty_locker, order_id, "cancelled", "submitted")
    door.tell_closed(is_occupied=True)
    assert used(empty_locker) == [("deposit", order_id, user_id("ines"))]
    assert place.state_of(door.box_id) == "occupied"
