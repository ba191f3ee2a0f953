"""A right that ends while its door is open, or before the door is reported: what was done counts, once."""

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
    NOTHING_TO_OPEN,
    Client,
    Site,
    create_client,
    create_site,
    deliver_donation_state,
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
from tests.support.harness import Harness, user_id


@dataclass
class Door:
    """A door for which a person has a grant, and the reports of its controller."""

    site: Site
    grant_id: str
    box_id: str

    def report_opened(self) -> None:
        self._report(self.site.event("opened", grant_id=self.grant_id))

    def report_closed(self, is_occupied: bool) -> None:
        self._report(self.site.event("closed", grant_id=self.grant_id, is_occupied=is_occupied))

    def _report(self, event: dict[str, object]) -> None:
        response = self.site.report(event)
        assert response.status_code == 200, response.text


def open_door(locker: Harness, site: Site, name: str, order_id: str, kind: str = "customer") -> Door:
    response = try_to_open(locker, site, name, order_id, kind)
    assert response.status_code == 200, response.text
    [opening] = response.json()["openings"]
    return Door(site, opening["grant_id"], opening["box_id"])


def try_to_open(locker: Harness, site: Site, name: str, order_id: str, kind: str = "customer") -> httpx.Response:
    """Use the next code, because the present one may have been used."""
    code = site.code(clock.now() + timedelta(seconds=30))
    return open_doors(create_client(locker, name, kind), site, code, order_id)


def used_doors(locker: Harness) -> list[tuple[str, str, str]]:
    events = locker.published("locker.door.used.v1")
    return [(event["purpose"], event["order_id"], event["person_id"]) for event in events]


def list_anomalies(locker: Harness, site: Site) -> list[str]:
    staff = locker.as_user("marta", "locker:activity:read", kind="internal", roles=["manager"])
    log = staff("GET", "/locker/v1/activity", params={"location_id": site.id, "limit": 100}).json()["items"]
    return [entry["details"]["reason"] for entry in log if entry["kind"] == "anomaly"]


def read_order_of_box(box_id: str) -> str | None:
    with db.unit_of_work(reads_only=True) as session:
        return session.get_one(Box, box_id).held_for_order_id


def expire_holds() -> None:
    with db.unit_of_work() as session:
        session.execute(update(Box).values(held_until=clock.now() - timedelta(seconds=1)))
    jobs.release_overdue_holds()


def create_return(locker: Harness, site: Site) -> str:
    return_id, response = hold_box(locker, site, order_id=new_id("rbo"))
    assert response.status_code == 200, response.text
    deliver_purchase_return_state(locker, return_id, "created")
    return return_id


def cancel_order_with_open_door(locker: Harness, site: Site) -> tuple[str, Door]:
    """Cancel an order while its buyer has the door open, and let Rita collect the package."""
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    ship_package(locker, site, order_id)
    door = open_door(locker, site, "ines", order_id)
    door.report_opened()
    deliver_order_cancelled(locker, site, order_id)
    deliver_work_order(locker, "collecting", "assigned", site, "rita", (order_id, door.box_id))
    return order_id, door


@pytest.mark.story("b-po-02")
def test_a_buyer_who_took_nothing_cannot_open_the_box_of_a_cancelled_order_again(
    locker: Harness, site: Site
) -> None:
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    ship_package(locker, site, order_id)
    door = open_door(locker, site, "ines", order_id)
    events = [
        site.event("opened", grant_id=door.grant_id),
        site.event("closed", grant_id=door.grant_id, is_occupied=True),
    ]
    deliver_order_cancelled(locker, site, order_id)
    assert site.report(*events).status_code == 200
    assert read_problem(try_to_open(locker, site, "ines", order_id)) == NOTHING_TO_OPEN
    assert site.states_by_box()[door.box_id] == "occupied"
    assert [purpose for purpose, *_ in used_doors(locker)] == ["ship"]


@pytest.mark.story("mf-co-03")
def test_a_failed_attempt_before_the_reassignment_gives_no_right_back(locker: Harness, site: Site) -> None:
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    deliver_work_order(locker, "shipping", "assigned", site, "paulo", (order_id, None))
    door = open_door(locker, site, "paulo", order_id, "internal")
    events = [
        site.event("opened", grant_id=door.grant_id),
        site.event("closed", grant_id=door.grant_id, is_occupied=False),
    ]
    deliver_work_order(locker, "shipping", "open", site, None, (order_id, None))
    deliver_work_order(locker, "shipping", "assigned", site, "rita", (order_id, None))
    assert site.report(*events).status_code == 200
    assert read_problem(try_to_open(locker, site, "paulo", order_id, "internal")) == NOTHING_TO_OPEN
    assert try_to_open(locker, site, "rita", order_id, "internal").status_code == 200


@pytest.mark.story("b-po-02")
def test_a_pick_up_counts_when_the_order_is_cancelled_while_the_door_is_open(locker: Harness, site: Site) -> None:
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    ship_package(locker, site, order_id)
    door = open_door(locker, site, "ines", order_id)
    door.report_opened()
    deliver_order_cancelled(locker, site, order_id)
    door.report_closed(is_occupied=False)
    assert used_doors(locker)[1:] == [("pick_up", order_id, user_id("ines"))]
    assert site.states_by_box()[door.box_id] == "free"
    assert list_anomalies(locker, site) == []


def test_a_box_that_the_buyer_has_emptied_is_not_collected(locker: Harness) -> None:
    site = create_site(locker, boxes=1, threshold=1)
    order_id, door = cancel_order_with_open_door(locker, site)
    next_id = new_id("bor")
    door.report_closed(is_occupied=False)
    deliver_order_paid(locker, site, next_id)
    assert read_order_of_box(door.box_id) == next_id
    assert read_problem(try_to_open(locker, site, "rita", order_id, "internal")) == NOTHING_TO_OPEN


@pytest.mark.story("rb-r-re-02")
@pytest.mark.parametrize("end", ["cancelled", "expired", "overdue"])
def test_a_deposit_counts_when_its_return_ends_while_the_door_is_open(
    locker: Harness, site: Site, end: str
) -> None:
    return_id = create_return(locker, site)
    door = open_door(locker, site, "ines", return_id)
    door.report_opened()
    if end == "overdue":
        expire_holds()
    else:
        deliver_purchase_return_state(locker, return_id, end)
    assert site.states_by_box()[door.box_id] == "free"
    door.report_closed(is_occupied=True)
    assert used_doors(locker) == [("deposit", return_id, user_id("ines"))]
    assert (site.states_by_box()[door.box_id], read_order_of_box(door.box_id)) == ("occupied", return_id)
    assert read_problem(try_to_open(locker, site, "ines", return_id)) == NOTHING_TO_OPEN


def test_a_return_that_ends_without_a_deposit_keeps_its_box_released(locker: Harness, site: Site) -> None:
    return_id = create_return(locker, site)
    door = open_door(locker, site, "ines", return_id)
    door.report_opened()
    deliver_purchase_return_state(locker, return_id, "cancelled")
    door.report_closed(is_occupied=False)
    assert used_doors(locker) == []
    assert set(site.box_states()) == {"free"}
    assert read_problem(try_to_open(locker, site, "ines", return_id)) == NOTHING_TO_OPEN


@pytest.mark.story("mf-co-03")
def test_a_shipment_counts_when_its_work_order_is_reassigned_while_the_door_is_open(
    locker: Harness, site: Site, ines: Client
) -> None:
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    deliver_work_order(locker, "shipping", "assigned", site, "paulo", (order_id, None))
    door = open_door(locker, site, "paulo", order_id, "internal")
    door.report_opened()
    deliver_work_order(locker, "shipping", "open", site, None, (order_id, None))
    deliver_work_order(locker, "shipping", "assigned", site, "rita", (order_id, None))
    door.report_closed(is_occupied=True)
    assert used_doors(locker) == [("ship", order_id, user_id("paulo"))]
    assert read_problem(try_to_open(locker, site, "rita", order_id, "internal")) == NOTHING_TO_OPEN
    [opening] = open_doors(ines, site, order_id=order_id).json()["openings"]
    assert (opening["purpose"], opening["box_id"]) == ("pick_up", door.box_id)


def test_the_use_of_a_door_after_its_right_was_voided_is_an_anomaly(locker: Harness, site: Site) -> None:
    deposit = make_deposit(locker, site)
    deliver_work_order(locker, "collecting", "assigned", site, "paulo", deposit)
    [grant] = site.offline_grants()
    deliver_work_order(locker, "collecting", "assigned", site, "rita", deposit)
    site.use_door(grant["grant_id"], False)
    assert [purpose for purpose, *_ in used_doors(locker)] == ["deposit"]
    assert site.states_by_box()[deposit[1]] == "occupied"
    assert list_anomalies(locker, site) == ["a door was used for a right that is void"]
    site.report(site.event("closed", grant_id=grant["grant_id"], is_occupied=False))
    assert list_anomalies(locker, site)[0] == "a door was closed that was not opened"


def test_a_package_that_was_put_in_too_late_takes_its_box_out_of_service(locker: Harness) -> None:
    site, order_id = create_site(locker, boxes=2), new_id("bor")
    deliver_order_paid(locker, site, order_id)
    deliver_work_order(locker, "shipping", "assigned", site, "paulo", (order_id, None))
    [grant] = site.offline_grants()
    deliver_order_cancelled(locker, site, order_id)
    donation, hold = hold_box(locker, site, "zoe")
    box_id = hold.json()["box_id"]
    site.use_door(grant["grant_id"], True)
    assert used_doors(locker) == []
    assert open_door(locker, site, "zoe", donation).box_id != box_id, "the donor gets another box"
    scopes = "locker:boxes:read locker:boxes:write locker:maintenance:read"
    staff = locker.as_user("marta", scopes, kind="internal", roles=["manager"])
    query = {"location_id": site.id, "state": "out_of_service"}
    [blocked] = staff("GET", "/locker/v1/boxes", params=query).json()["items"]
    assert blocked["id"] == box_id
    assert order_id in blocked["out_of_service_reason"]
    [record] = staff("GET", "/locker/v1/maintenance-records", params={"box_id": box_id}).json()["items"]
    assert (record["reason"], record["opened_by"]) == (blocked["out_of_service_reason"], user_id("paulo"))
    assert staff("PATCH", f"/locker/v1/boxes/{box_id}", json={"state": "free"}).status_code == 200


class TestBoxHeldForAnotherOrder:
    """The box was held for another order while its door was open."""

    def test_the_donor_who_holds_the_box_gets_another_one(self, locker: Harness) -> None:
        site = create_site(locker, boxes=1)
        return_id = create_return(locker, site)
        door = open_door(locker, site, "ines", return_id)
        door.report_opened()
        deliver_purchase_return_state(locker, return_id, "cancelled")
        donation, hold = hold_box(locker, site, "zoe")
        assert hold.json()["box_id"] == door.box_id
        with db.unit_of_work() as session:
            session.add(Box(id=(other := new_id("box")), location_id=site.id, label="B1", state="free"))
        door.report_closed(is_occupied=True)
        assert read_order_of_box(door.box_id) == return_id
        assert open_door(locker, site, "zoe", donation).box_id == other

    def test_a_donor_for_whom_no_box_is_left_opens_nothing(self, locker: Harness) -> None:
        site = create_site(locker, boxes=1)
        return_id = create_return(locker, site)
        door = open_door(locker, site, "ines", return_id)
        door.report_opened()
        deliver_purchase_return_state(locker, return_id, "cancelled")
        donation, _ = hold_box(locker, site, "zoe")
        door.report_closed(is_occupied=True)
        assert read_problem(try_to_open(locker, site, "zoe", donation)) == NOTHING_TO_OPEN
        assert "the box of an order was used, and no other is free" in list_anomalies(locker, site)
        other_site = create_site(locker, boxes=1)
        assert hold_box(locker, other_site, "zoe", donation)[1].status_code == 200

    def test_a_package_waits_for_another_box_and_keeps_its_deliveryman(self, locker: Harness) -> None:
        site = create_site(locker, boxes=1, threshold=9)
        return_id, order_id = create_return(locker, site), new_id("bor")
        door = open_door(locker, site, "ines", return_id)
        door.report_opened()
        deliver_purchase_return_state(locker, return_id, "cancelled")
        deliver_order_paid(locker, site, order_id)
        deliver_work_order(locker, "shipping", "assigned", site, "paulo", (order_id, None))
        door.report_closed(is_occupied=True)
        assert (read_order_of_box(door.box_id), site.box_states()) == (return_id, ["occupied"])
        assert read_problem(try_to_open(locker, site, "paulo", order_id, "internal")) == NOTHING_TO_OPEN
        deliver_work_order(locker, "collecting", "assigned", site, "rita", (return_id, door.box_id))
        collection = open_door(locker, site, "rita", return_id, "internal")
        site.use_door(collection.grant_id, False)
        jobs.serve_box_requests()
        assert open_door(locker, site, "paulo", order_id, "internal").box_id == door.box_id

    def test_an_occupied_box_keeps_its_package(self, locker: Harness) -> None:
        site = create_site(locker, boxes=1, threshold=9)
        return_id = create_return(locker, site)
        door = open_door(locker, site, "ines", return_id)
        door.report_opened()
        deliver_purchase_return_state(locker, return_id, "cancelled")
        donation, box_id = make_deposit(locker, site, "zoe")
        door.report_closed(is_occupied=True)
        assert read_order_of_box(box_id) == donation
        assert used_doors(locker) == [("deposit", donation, user_id("zoe"))]
        assert list_anomalies(locker, site) == ["a box that is occupied was used"]

    def test_an_empty_box_stays_held_for_the_next_order(self, locker: Harness) -> None:
        site = create_site(locker, boxes=1, threshold=9)
        order_id, door = cancel_order_with_open_door(locker, site)
        next_id = new_id("bor")
        collection = open_door(locker, site, "rita", order_id, "internal")
        site.use_door(collection.grant_id, False)
        deliver_order_paid(locker, site, next_id)
        door.report_closed(is_occupied=False)
        assert (read_order_of_box(door.box_id), site.box_states()) == (next_id, ["held"])
        assert [purpose for purpose, *_ in used_doors(locker)] == ["ship", "collect"]
        assert list_anomalies(locker, site) == ["a box that is held was used"]


class TestOrderWithTwoBoxes:
    """The hold expired while the door was open, and the donor chose another location."""

    @staticmethod
    def _choose_another_location(locker: Harness, site: Site, other_site: Site) -> tuple[str, Door]:
        order_id, _ = hold_box(locker, site)
        door = open_door(locker, site, "ines", order_id)
        door.report_opened()
        expire_holds()
        assert hold_box(locker, other_site, order_id=order_id)[1].status_code == 200
        return order_id, door

    def test_the_second_box_is_released(self, locker: Harness, site: Site) -> None:
        other_site = create_site(locker)
        order_id, door = self._choose_another_location(locker, site, other_site)
        door.report_closed(is_occupied=True)
        assert used_doors(locker) == [("deposit", order_id, user_id("ines"))]
        assert read_order_of_box(door.box_id) == order_id
        assert set(other_site.box_states()) == {"free"}
        assert read_problem(try_to_open(locker, other_site, "ines", order_id)) == NOTHING_TO_OPEN

    def test_the_first_box_is_out_of_service_when_both_have_clothes(self, locker: Harness, site: Site) -> None:
        other_site = create_site(locker)
        order_id, door = self._choose_another_location(locker, site, other_site)
        second = open_door(locker, other_site, "ines", order_id)
        other_site.use_door(second.grant_id, True)
        door.report_closed(is_occupied=True)
        assert used_doors(locker) == [("deposit", order_id, user_id("ines"))]
        assert read_order_of_box(second.box_id) == order_id
        scopes = "locker:boxes:read locker:boxes:write"
        staff = locker.as_user("marta", scopes, kind="internal", roles=["manager"])
        query = {"location_id": site.id, "state": "out_of_service"}
        [blocked] = staff("GET", "/locker/v1/boxes", params=query).json()["items"]
        assert (blocked["id"], blocked["held_for_order_id"]) == (door.box_id, None)
        assert order_id in blocked["out_of_service_reason"]
        assert staff("PATCH", f"/locker/v1/boxes/{door.box_id}", json={"state": "free"}).status_code == 200


def test_a_deposit_counts_when_its_donation_is_cancelled_while_the_door_is_open(
    locker: Harness, site: Site
) -> None:
    order_id, _ = hold_box(locker, site)
    door = open_door(locker, site, "ines", order_id)
    door.report_opened()
    deliver_donation_state(locker, order_id, "cancelled", "submitted")
    door.report_closed(is_occupied=True)
    assert used_doors(locker) == [("deposit", order_id, user_id("ines"))]
    assert site.states_by_box()[door.box_id] == "occupied"
