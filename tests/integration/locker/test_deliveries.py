"""Boxes of purchases and their returns (stories b-sh-02, b-po-02, rb-c-01, rb-r-re-02, rb-r-co-01)."""

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
    NOTHING_TO_OPEN,
    Client,
    Site,
    create_client,
    create_site,
    deliver_order_cancelled,
    deliver_order_paid,
    deliver_purchase_return_state,
    deliver_work_order,
    hold_box,
    make_deposit,
    new_id,
    open_doors,
    read_problem,
    ship_package,
)
from tests.support.harness import Harness


@pytest.mark.story("b-po-02")
def test_the_door_opens_once_for_the_buyer_at_the_location_of_the_order(
    locker: Harness, site: Site, ines: Client
) -> None:
    order_id, other_site = new_id("bor"), create_site(locker)
    deliver_order_paid(locker, site, order_id)
    assert read_problem(open_doors(ines, site, order_id=order_id)) == NOTHING_TO_OPEN, "not in the box yet"
    ship_package(locker, site, order_id)
    stranger = create_client(locker, "tom")
    assert read_problem(open_doors(stranger, site, order_id=order_id)) == NOTHING_TO_OPEN
    assert read_problem(open_doors(ines, other_site, order_id=order_id)) == NOTHING_TO_OPEN
    code = site.code()
    [opening] = open_doors(ines, site, code).json()["openings"]
    assert opening["purpose"] == "pick_up"
    assert read_problem(open_doors(ines, site, code)) == (409, "code-used")
    site.use_door(opening["grant_id"], False)
    assert read_problem(open_doors(ines, site, order_id=order_id)) == NOTHING_TO_OPEN
    used = [(event["purpose"], event["order_id"]) for event in locker.published("locker.door.used.v1")]
    assert used == [("ship", order_id), ("pick_up", order_id)]
    audited = locker.published("locker.audit.recorded.v1")
    [entry] = [
        entry for entry in audited if entry["action"] == "open_doors"
    ]  # by the deliveryman; openings by customers are not audited
    assert entry["target"] == site.id
    assert [door["order_id"] for door in entry["after"]["doors"]] == [order_id]
    assert "occupied" not in site.box_states()


@pytest.mark.real_servers
def test_an_older_version_of_a_work_order_changes_no_right(locker: Harness, site: Site) -> None:
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    work = (order_id, None)
    deliver_work_order(locker, "shipping", "in_progress", site, "rita", work, version=5)
    older = [("open", None), ("assigned", "paulo"), ("open", None), ("assigned", "rita"), ("in_progress", "rita")]
    for version, (state, assignee) in enumerate(older, start=1):
        deliver_work_order(locker, "shipping", state, site, assignee, work, version=version)
    assert read_problem(open_doors(create_client(locker, "paulo", "internal"), site)) == NOTHING_TO_OPEN
    assert open_doors(create_client(locker, "rita", "internal"), site).status_code == 200
    deliver_work_order(locker, "shipping", "open", site, None, work, version=6)
    assert read_problem(open_doors(create_client(locker, "rita", "internal"), site)) == NOTHING_TO_OPEN


@pytest.mark.story("rb-c-01")
def test_a_cancelled_order_releases_its_box_and_voids_its_rights(locker: Harness, site: Site) -> None:
    order_id, rui = new_id("bor"), create_client(locker, "rui", "internal")
    deliver_order_paid(locker, site, order_id)
    deliver_work_order(locker, "shipping", "assigned", site, "rui", (order_id, None))
    for _ in range(2):
        deliver_order_cancelled(locker, site, order_id)
    assert set(site.box_states()) == {"free"}
    assert read_problem(open_doors(rui, site, order_id=order_id)) == NOTHING_TO_OPEN
    deliver_work_order(locker, "shipping", "assigned", site, "rui", (order_id, None))
    deliver_order_paid(locker, site, order_id)
    assert set(site.box_states()) == {"free"}, "a late event holds no box"


def test_a_cancelled_order_does_not_wait_for_a_box(locker: Harness) -> None:
    site = create_site(locker, boxes=1)
    first, second = new_id("bor"), new_id("bor")
    deliver_order_paid(locker, site, first)
    deliver_order_paid(locker, site, second)
    deliver_order_cancelled(locker, site, second)
    deliver_order_cancelled(locker, site, first)
    jobs.serve_box_requests()
    assert site.box_states() == ["free"]


def test_a_box_that_an_order_waited_for_opens_for_the_present_assignee(locker: Harness) -> None:
    site = create_site(locker, boxes=1)
    first, second = new_id("bor"), new_id("bor")
    deliver_order_paid(locker, site, first)
    deliver_order_paid(locker, site, second)
    paulo, rita = (create_client(locker, name, "internal") for name in ("paulo", "rita"))
    deliver_work_order(locker, "shipping", "assigned", site, "paulo", (second, None), version=2)
    deliver_work_order(locker, "shipping", "open", site, None, (second, None), version=3)
    deliver_order_cancelled(locker, site, first)
    jobs.serve_box_requests()
    assert site.box_states() == ["held"]
    assert read_problem(open_doors(paulo, site, order_id=second)) == NOTHING_TO_OPEN
    deliver_work_order(locker, "shipping", "assigned", site, "rita", (second, None), version=4)
    assert open_doors(rita, site, order_id=second).status_code == 200


@pytest.mark.story("b-po-02")
def test_a_package_that_is_not_picked_up_is_collected(locker: Harness, ines: Client) -> None:
    site = create_site(locker, boxes=2, threshold=1)
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    ship_package(locker, site, order_id)
    deliver_order_cancelled(locker, site, order_id)
    assert read_problem(open_doors(ines, site, order_id=order_id)) == NOTHING_TO_OPEN
    site.report(site.event("online"))
    [requested] = locker.published("locker.location.threshold_reached.v1")
    [deposit] = requested["deposits"]
    assert deposit["order_id"] == order_id
    rui = create_client(locker, "rui", "internal")
    deliver_work_order(locker, "collecting", "assigned", site, "rui", (order_id, deposit["box_id"]))
    [opening] = open_doors(rui, site, order_id=order_id).json()["openings"]
    site.use_door(opening["grant_id"], False)
    assert set(site.box_states()) == {"free"}


def test_the_buyer_cannot_open_a_box_that_was_filled_after_the_order_was_cancelled(locker: Harness) -> None:
    site = create_site(locker, boxes=2, threshold=1)
    order_id, rui = new_id("bor"), create_client(locker, "rui", "internal")
    deliver_order_paid(locker, site, order_id)
    deliver_work_order(locker, "shipping", "assigned", site, "rui", (order_id, None))
    [opening] = open_doors(rui, site, order_id=order_id).json()["openings"]
    opened = site.event("opened", grant_id=opening["grant_id"])
    closed = site.event("closed", grant_id=opening["grant_id"], is_occupied=True)
    deliver_order_cancelled(locker, site, order_id)
    assert site.report(opened, closed).status_code == 200
    ines = create_client(locker, "ines")
    assert read_problem(open_doors(ines, site, order_id=order_id)) == NOTHING_TO_OPEN


@pytest.mark.story("rb-r-re-02")
@pytest.mark.story("rb-r-co-01")
def test_a_return_is_deposited_and_collected_as_a_donation_is(locker: Harness) -> None:
    site = create_site(locker, boxes=3, threshold=1)
    return_id, response = hold_box(locker, site, order_id=new_id("rbo"))
    assert response.status_code == 200, response.text
    stranger, ines = create_client(locker, "tom"), create_client(locker, "ines")
    problem = read_problem(open_doors(ines, site, order_id=return_id))
    assert problem == NOTHING_TO_OPEN, "the return was not created yet"
    deliver_purchase_return_state(locker, return_id, "created")
    assert read_problem(open_doors(stranger, site, order_id=return_id)) == NOTHING_TO_OPEN
    [opening] = open_doors(ines, site, order_id=return_id).json()["openings"]
    site.use_door(opening["grant_id"], True)
    [requested] = locker.published("locker.location.threshold_reached.v1")
    assert requested["deposits"] == [{"order_id": return_id, "box_id": opening["box_id"]}]
    deliver_work_order(locker, "collecting", "assigned", site, "rui", (return_id, opening["box_id"]))
    rui = create_client(locker, "rui", "internal")
    [opening] = open_doors(rui, site, order_id=return_id).json()["openings"]
    site.use_door(opening["grant_id"], False)
    assert set(site.box_states()) == {"free"}


@pytest.mark.parametrize("state", ["cancelled", "expired"])
def test_a_return_that_ends_releases_its_box(locker: Harness, site: Site, ines: Client, state: str) -> None:
    return_id, _ = hold_box(locker, site, order_id=new_id("rbo"))
    deliver_purchase_return_state(locker, return_id, "created")
    deliver_purchase_return_state(locker, return_id, state)
    assert read_problem(open_doors(ines, site, order_id=return_id)) == NOTHING_TO_OPEN
    assert set(site.box_states()) == {"free"}


def test_the_box_of_a_return_cannot_be_opened_after_its_hold(locker: Harness, site: Site, ines: Client) -> None:
    return_id, _ = hold_box(locker, site, order_id=new_id("rbo"))
    deliver_purchase_return_state(locker, return_id, "created")
    past = clock.now() - timedelta(seconds=1)
    with db.unit_of_work() as session:
        session.execute(update(DoorRight).values(valid_until=past))
        session.execute(update(Box).where(Box.held_for_order_id == return_id).values(held_until=past))
    assert read_problem(open_doors(ines, site, order_id=return_id)) == (409, "hold-expired")
    jobs.release_overdue_holds()
    assert set(site.box_states()) == {"free"}
    assert read_problem(open_doors(ines, site, order_id=return_id)) == NOTHING_TO_OPEN


@pytest.mark.story("b-sh-02")
def test_a_package_in_transit_keeps_its_box_until_its_order_ends(locker: Harness, site: Site) -> None:
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    deliver_work_order(locker, "shipping", "assigned", site, "rui", (order_id, None))
    for _ in range(2):
        with db.unit_of_work() as session:
            session.execute(update(Box).values(held_until=clock.now() - timedelta(seconds=1)))
        jobs.release_overdue_holds()
    ship_package(locker, site, order_id)
    assert site.box_states() == ["free", "free", "occupied"]


def test_an_order_that_was_cancelled_before_its_payment_arrives_holds_no_box(locker: Harness, site: Site) -> None:
    order_id = new_id("bor")
    deliver_order_cancelled(locker, site, order_id)
    deliver_order_paid(locker, site, order_id)
    assert set(site.box_states()) == {"free"}


@pytest.mark.story("rb-r-co-01")
def test_a_deposit_that_waits_three_days_is_collected_below_the_threshold(
    locker: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = create_site(locker, boxes=3, threshold=3)
    first, _ = make_deposit(locker, site)
    start = clock.now()

    def requested_after(days: float) -> list[list[str]]:
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=days))
        request_overdue_collections()
        events = locker.published("locker.location.threshold_reached.v1")
        return [[deposit["order_id"] for deposit in event["deposits"]] for event in events]

    assert requested_after(0) == []
    assert requested_after(2.9) == []
    for _ in range(2):
        assert requested_after(3.1) == [[first]]
