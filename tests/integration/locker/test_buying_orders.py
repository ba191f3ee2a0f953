"""Boxes of buying orders and their returns (stories b-sh-02, b-po-02, rb-c-01, rb-r-re-02, rb-r-co-01)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from libs.chassis import clock, db
from services.locker.boxes.tables import Box
from services.locker.doors.tables import DoorRight
from services.locker.holds import jobs
from services.locker.locations.jobs import request_overdue_collections
from tests.integration.locker.support import (
    Ask,
    Place,
    boxes,
    cancelled,
    deposit,
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
from tests.support.harness import Harness


@pytest.mark.story("b-po-02")
def test_the_door_opens_for_this_buyer_at_this_place_once(empty_locker: Harness, place: Place, ines: Ask) -> None:
    order_id, elsewhere = new_id("bor"), make_place(empty_locker)
    paid(empty_locker, place, order_id)
    assert refusal(open_doors(ines, place, order_id=order_id)) == (404, "nothing-to-open"), "not in the box yet"
    put_in(empty_locker, place, order_id)
    stranger = person(empty_locker, "tom")
    assert refusal(open_doors(stranger, place, order_id=order_id)) == (404, "nothing-to-open")
    assert refusal(open_doors(ines, elsewhere, order_id=order_id)) == (404, "nothing-to-open")
    code = place.code()
    [opening] = open_doors(ines, place, code).json()["openings"]
    assert opening["purpose"] == "pick_up"
    assert refusal(open_doors(ines, place, code)) == (409, "code-used")
    place.use(opening["grant_id"], False)
    assert refusal(open_doors(ines, place, order_id=order_id)) == (404, "nothing-to-open")
    told = [(event["purpose"], event["order_id"]) for event in empty_locker.published("locker.door.used.v1")]
    assert told == [("ship", order_id), ("pick_up", order_id)]
    trail = empty_locker.published("locker.audit.recorded.v1")
    [entry] = [entry for entry in trail if entry["action"] == "open_doors"]  # the deliveryman's, not the buyer's
    assert entry["target"] == place.id
    assert [door["order_id"] for door in entry["after"]["doors"]] == [order_id]
    assert "occupied" not in boxes(place)


@pytest.mark.real_servers
def test_news_of_work_that_was_overtaken_changes_no_door(empty_locker: Harness, place: Place) -> None:
    order_id = new_id("bor")
    paid(empty_locker, place, order_id)
    work = (order_id, None)
    work_order(empty_locker, "shipping", "in_progress", place, "rita", work, version=5)
    late = [("open", None), ("assigned", "paulo"), ("open", None), ("assigned", "rita"), ("in_progress", "rita")]
    for version, (state, assignee) in enumerate(late, start=1):
        work_order(empty_locker, "shipping", state, place, assignee, work, version=version)
    assert refusal(open_doors(person(empty_locker, "paulo", "internal"), place)) == (404, "nothing-to-open")
    assert open_doors(person(empty_locker, "rita", "internal"), place).status_code == 200
    work_order(empty_locker, "shipping", "open", place, None, work, version=6)
    assert refusal(open_doors(person(empty_locker, "rita", "internal"), place)) == (404, "nothing-to-open")


@pytest.mark.story("rb-c-01")
def test_a_cancelled_order_gives_its_box_and_its_doors_back(empty_locker: Harness, place: Place) -> None:
    order_id, rui = new_id("bor"), person(empty_locker, "rui", "internal")
    paid(empty_locker, place, order_id)
    work_order(empty_locker, "shipping", "assigned", place, "rui", (order_id, None))
    for _ in range(2):
        cancelled(empty_locker, place, order_id)
    assert set(boxes(place)) == {"free"}
    assert refusal(open_doors(rui, place, order_id=order_id)) == (404, "nothing-to-open")
    work_order(empty_locker, "shipping", "assigned", place, "rui", (order_id, None))
    paid(empty_locker, place, order_id)
    assert set(boxes(place)) == {"free"}, "late news hold no box"


def test_a_cancelled_order_waits_for_no_box(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=1)
    first, second = new_id("bor"), new_id("bor")
    paid(empty_locker, place, first)
    paid(empty_locker, place, second)
    cancelled(empty_locker, place, second)
    cancelled(empty_locker, place, first)
    with db.unit_of_work():
        jobs.serve_box_requests()
    assert boxes(place) == ["free"]


def test_a_box_that_was_waited_for_opens_for_whoever_has_the_work_now(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=1)
    first, second = new_id("bor"), new_id("bor")
    paid(empty_locker, place, first)
    paid(empty_locker, place, second)
    paulo, rita = (person(empty_locker, name, "internal") for name in ("paulo", "rita"))
    work_order(empty_locker, "shipping", "assigned", place, "paulo", (second, None), version=2)
    work_order(empty_locker, "shipping", "open", place, None, (second, None), version=3)
    cancelled(empty_locker, place, first)
    with db.unit_of_work():
        jobs.serve_box_requests()
    assert boxes(place) == ["held"]
    assert refusal(open_doors(paulo, place, order_id=second)) == (404, "nothing-to-open")
    work_order(empty_locker, "shipping", "assigned", place, "rita", (second, None), version=4)
    assert open_doors(rita, place, order_id=second).status_code == 200


@pytest.mark.story("b-po-02")
def test_a_package_that_nobody_picks_up_goes_back_with_the_next_collection(
    empty_locker: Harness, ines: Ask
) -> None:
    place = make_place(empty_locker, boxes=2, threshold=1)
    order_id = new_id("bor")
    paid(empty_locker, place, order_id)
    put_in(empty_locker, place, order_id)
    cancelled(empty_locker, place, order_id)
    assert refusal(open_doors(ines, place, order_id=order_id)) == (404, "nothing-to-open")
    place.report(place.event("online"))
    [asked] = empty_locker.published("locker.location.threshold_reached.v1")
    [deposit] = asked["deposits"]
    assert deposit["order_id"] == order_id
    rui = person(empty_locker, "rui", "internal")
    work_order(empty_locker, "collecting", "assigned", place, "rui", (order_id, deposit["box_id"]))
    [opening] = open_doors(rui, place, order_id=order_id).json()["openings"]
    place.use(opening["grant_id"], False)
    assert set(boxes(place)) == {"free"}


def test_a_package_that_was_put_in_too_late_goes_back_with_the_next_collection(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=2, threshold=1)
    order_id, rui = new_id("bor"), person(empty_locker, "rui", "internal")
    paid(empty_locker, place, order_id)
    work_order(empty_locker, "shipping", "assigned", place, "rui", (order_id, None))
    [opening] = open_doors(rui, place, order_id=order_id).json()["openings"]
    opened = place.event("opened", grant_id=opening["grant_id"])
    closed = place.event("closed", grant_id=opening["grant_id"], is_occupied=True)
    cancelled(empty_locker, place, order_id)
    assert place.report(opened, closed).status_code == 200
    ines = person(empty_locker, "ines")
    assert refusal(open_doors(ines, place, order_id=order_id)) == (404, "nothing-to-open")


@pytest.mark.story("rb-r-re-02")
@pytest.mark.story("rb-r-co-01")
def test_a_return_is_put_in_its_box_and_collected_with_donations(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=3, threshold=1)
    return_id, held = hold(empty_locker, place, order_id=new_id("rbo"))
    assert held.status_code == 200, held.text
    stranger, ines = person(empty_locker, "tom"), person(empty_locker, "ines")
    refused = refusal(open_doors(ines, place, order_id=return_id))
    assert refused == (404, "nothing-to-open"), "no return was made yet"
    return_moved(empty_locker, return_id, "created")
    assert refusal(open_doors(stranger, place, order_id=return_id)) == (404, "nothing-to-open")
    [opening] = open_doors(ines, place, order_id=return_id).json()["openings"]
    place.use(opening["grant_id"], True)
    [reached] = empty_locker.published("locker.location.threshold_reached.v1")
    assert reached["deposits"] == [{"order_id": return_id, "box_id": opening["box_id"]}]
    work_order(empty_locker, "collecting", "assigned", place, "rui", (return_id, opening["box_id"]))
    rui = person(empty_locker, "rui", "internal")
    [opening] = open_doors(rui, place, order_id=return_id).json()["openings"]
    place.use(opening["grant_id"], False)
    assert set(boxes(place)) == {"free"}


@pytest.mark.parametrize("state", ["cancelled", "expired"])
def test_a_return_that_is_cancelled_frees_its_box(
    empty_locker: Harness, place: Place, ines: Ask, state: str
) -> None:
    return_id, _ = hold(empty_locker, place, order_id=new_id("rbo"))
    return_moved(empty_locker, return_id, "created")
    return_moved(empty_locker, return_id, state)
    assert refusal(open_doors(ines, place, order_id=return_id)) == (404, "nothing-to-open")
    assert set(boxes(place)) == {"free"}


def test_a_box_of_a_return_is_not_opened_after_its_time(empty_locker: Harness, place: Place, ines: Ask) -> None:
    return_id, _ = hold(empty_locker, place, order_id=new_id("rbo"))
    return_moved(empty_locker, return_id, "created")
    over = clock.now() - timedelta(seconds=1)
    with db.unit_of_work() as session:
        session.execute(update(DoorRight).values(valid_until=over))
        session.execute(update(Box).where(Box.held_for_order_id == return_id).values(held_until=over))
    assert refusal(open_doors(ines, place, order_id=return_id)) == (409, "hold-expired")
    with db.unit_of_work():
        jobs.release_overdue_holds()
    assert set(boxes(place)) == {"free"}
    assert refusal(open_doors(ines, place, order_id=return_id)) == (404, "nothing-to-open")


@pytest.mark.story("b-sh-02")
def test_a_package_under_way_keeps_its_box_until_its_order_ends(empty_locker: Harness, place: Place) -> None:
    order_id = new_id("bor")
    paid(empty_locker, place, order_id)
    work_order(empty_locker, "shipping", "assigned", place, "rui", (order_id, None))
    for _ in range(2):
        with db.unit_of_work() as session:
            session.execute(update(Box).values(held_until=clock.now() - timedelta(seconds=1)))
        with db.unit_of_work():
            jobs.release_overdue_holds()
    put_in(empty_locker, place, order_id)
    assert sorted(boxes(place)) == ["free", "free", "occupied"]

    cancelled(empty_locker, place, late := new_id("bor"))
    paid(empty_locker, place, late)
    assert "held" not in boxes(place)


@pytest.mark.story("rb-r-co-01")
def test_a_deposit_does_not_wait_for_strangers_to_fill_the_location(
    empty_locker: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place(empty_locker, boxes=3, threshold=3)
    first, _ = deposit(empty_locker, place)
    begin = clock.now()

    def asked_after(days: float) -> list[list[str]]:
        monkeypatch.setattr(clock, "now", lambda: begin + timedelta(days=days))
        request_overdue_collections()
        told = empty_locker.published("locker.location.threshold_reached.v1")
        return [[found["order_id"] for found in event["deposits"]] for event in told]

    assert asked_after(0) == []
    assert asked_after(2.9) == []
    for _ in range(2):
        assert asked_after(3.1) == [[first]]
