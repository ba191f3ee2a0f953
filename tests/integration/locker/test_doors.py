"""Doors: who opens which, with which code, and what happens when they are used (domain rule 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from libs.chassis import clock, db, door_grants
from services.locker.boxes.tables import Box
from services.locker.doors.tables import DoorRight
from services.locker.holds import jobs
from services.locker.locations.tables import Location
from tests.integration.locker import support
from tests.integration.locker.support import (
    Ask,
    Place,
    day_key,
    deposit,
    donation_moved,
    hold,
    make_place,
    new_id,
    occupation_paid,
    open_doors,
    person,
    refusal,
    return_made,
    unwrapped,
    work_order,
)
from tests.support.harness import Harness, user_id


def used(locker: Harness) -> list[tuple[str, str]]:
    return [(event["purpose"], event["order_id"]) for event in locker.published("locker.door.used.v1")]


def rights(ask: Ask, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask("GET", "/locker/v1/door-rights", params=query).json()["items"]
    return found


@pytest.mark.story("d-pr-04")
def test_a_hold_takes_one_box_and_gives_its_donor_the_door(empty_locker: Harness, place: Place, ines: Ask) -> None:
    order_id, first = hold(empty_locker, place)
    _, again = hold(empty_locker, place, order_id=order_id)
    assert first.json() == again.json()
    assert place.state_of(first.json()["box_id"]) == "held"
    [right] = rights(ines, state="open")
    assert (right["purpose"], right["order_id"]) == ("deposit", order_id)


def test_a_full_or_unknown_location_holds_nothing(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=1)
    assert hold(empty_locker, place)[1].status_code == 200
    assert refusal(hold(empty_locker, place)[1]) == (409, "location-full")
    place.id = "loc_" + "9" * 32
    assert hold(empty_locker, place)[1].status_code == 404


@pytest.mark.story("d-do-01")
def test_a_donor_opens_the_door_and_leaves_the_clothes(empty_locker: Harness, place: Place, ines: Ask) -> None:
    order_id, held = hold(empty_locker, place)
    answer = open_doors(ines, place)
    assert answer.status_code == 200, answer.text
    [opening] = answer.json()["openings"]
    assert (opening["order_id"], opening["box_id"]) == (order_id, held.json()["box_id"])
    [grant] = place.grants()
    keys = place.controller("GET", "/locker/v1/controller").json()["grant_keys"]
    claims = door_grants.check(grant["text"], keys, place.id, clock.now())
    assert (claims.grant_id, claims.box_id, claims.person_id) == (
        grant["grant_id"],
        opening["box_id"],
        user_id("ines"),
    )
    place.use(grant["grant_id"], True)
    assert place.state_of(opening["box_id"]) == "occupied"
    assert used(empty_locker) == [("deposit", order_id)]
    assert place.grants() == []
    assert refusal(open_doors(ines, place)) == (404, "nothing-to-open")


def test_a_door_that_closes_on_an_empty_box_has_changed_nothing(
    empty_locker: Harness, place: Place, ines: Ask
) -> None:
    hold(empty_locker, place)
    [opening] = open_doors(ines, place).json()["openings"]
    place.use(opening["grant_id"], False)
    assert place.state_of(opening["box_id"]) == "held"
    assert used(empty_locker) == []
    assert [right["state"] for right in rights(ines)] == ["open"]


def test_only_the_person_at_the_location_opens(empty_locker: Harness, place: Place, ines: Ask) -> None:
    order_id, _ = hold(empty_locker, place)
    elsewhere = make_place(empty_locker)
    assert refusal(open_doors(person(empty_locker, "rui"), place)) == (404, "nothing-to-open")
    assert refusal(open_doors(person(empty_locker, "rui"), place, order_id=order_id)) == (404, "nothing-to-open")
    assert refusal(open_doors(ines, elsewhere)) == (404, "nothing-to-open")
    assert refusal(open_doors(ines, place, order_id=new_id("dor"))) == (404, "nothing-to-open")
    assert place.grants() == elsewhere.grants() == []


def test_a_code_opens_a_door_once(empty_locker: Harness, place: Place, ines: Ask) -> None:
    hold(empty_locker, place)
    code = place.code()
    assert open_doors(ines, place, code).status_code == 200
    assert refusal(open_doors(ines, place, code)) == (409, "code-used")
    assert len(place.grants()) == 1


def test_all_doors_are_those_that_the_code_has_not_opened_yet(empty_locker: Harness, ines: Ask) -> None:
    place = make_place(empty_locker, boxes=2)
    first, second = (hold(empty_locker, place)[0] for _ in range(2))
    code = place.code()
    assert open_doors(ines, place, code, first).status_code == 200
    [opening] = open_doors(ines, place, code).json()["openings"]
    assert opening["order_id"] == second
    assert refusal(open_doors(ines, place, code)) == (409, "code-used")


def test_codes_that_are_old_or_made_up_open_nothing(empty_locker: Harness, place: Place, ines: Ask) -> None:
    hold(empty_locker, place)
    old = place.code(clock.now() - timedelta(minutes=2))
    assert refusal(open_doors(ines, place, old)) == (409, "code-expired")
    prefix, location, step, mac = place.code().split(".")
    other = make_place(empty_locker).id
    for forged in (
        f"{prefix}.{location}.{step}.{'A' * len(mac)}",
        f"{prefix}.{location}.{int(step) + 1}.{mac}",
        f"{prefix}.{other}.{step}.{mac}",
        f"RC2.{location}.{step}.{mac}",
        "https://evil.example/",
        f"{prefix}.{location}.٣.{mac}",
    ):
        assert refusal(open_doors(ines, place, forged)) == (422, "code-unknown"), forged
    assert place.grants() == []


def test_an_expired_hold_is_released_and_opens_nothing(empty_locker: Harness, place: Place, ines: Ask) -> None:
    order_id, held = hold(empty_locker, place)
    past = clock.now() - timedelta(seconds=1)
    with db.unit_of_work() as session:
        session.execute(update(Box).where(Box.held_for_order_id == order_id).values(held_until=past))
        session.execute(update(DoorRight).values(valid_until=past))
    assert refusal(open_doors(ines, place)) == (409, "hold-expired")
    with db.unit_of_work():
        jobs.release_overdue_holds()
    assert place.state_of(held.json()["box_id"]) == "free"
    assert refusal(open_doors(ines, place)) == (404, "nothing-to-open")
    assert hold(empty_locker, place, order_id=order_id)[1].status_code == 200


def test_a_box_out_of_service_does_not_open(empty_locker: Harness, place: Place, ines: Ask) -> None:
    order_id, _ = hold(empty_locker, place)
    with db.unit_of_work() as session:
        broken = update(Box).where(Box.held_for_order_id == order_id)
        session.execute(broken.values(state="out_of_service", version=Box.version + 1))
    assert refusal(open_doors(ines, place)) == (409, "box-out-of-service")


def test_without_a_connection_nobody_waits_at_the_door(empty_locker: Harness, place: Place, ines: Ask) -> None:
    hold(empty_locker, place)
    with db.unit_of_work() as session:
        silent = clock.now() - timedelta(minutes=5)
        session.execute(update(Location).where(Location.id == place.id).values(controller_seen_at=silent))
    away = open_doors(ines, place)
    assert refusal(away) == (503, "controller-offline")
    assert away.headers["retry-after"] == "10"


@pytest.mark.story("rd-c-01")
def test_a_cancelled_order_gives_its_box_back(empty_locker: Harness, place: Place, ines: Ask) -> None:
    order_id, held = hold(empty_locker, place)
    donation_moved(empty_locker, order_id, "cancelled", "submitted")
    assert place.state_of(held.json()["box_id"]) == "free"
    assert refusal(open_doors(ines, place)) == (404, "nothing-to-open")


def test_clothes_that_went_in_while_the_order_was_cancelled_are_a_deposit(
    empty_locker: Harness, place: Place, ines: Ask
) -> None:
    order_id, _ = hold(empty_locker, place)
    [opening] = open_doors(ines, place).json()["openings"]
    opened = place.event("opened", grant_id=opening["grant_id"])
    closed = place.event("closed", grant_id=opening["grant_id"], is_occupied=True)
    donation_moved(empty_locker, order_id, "cancelled", "submitted")
    assert place.report(opened, closed).status_code == 200
    assert used(empty_locker) == [("deposit", order_id)]
    assert place.state_of(opening["box_id"]) == "occupied"


@pytest.mark.story("rd-c-03")
def test_a_donor_takes_a_deposit_out_once_the_fee_is_paid(empty_locker: Harness, place: Place, ines: Ask) -> None:
    order_id, box_id = deposit(empty_locker, place)
    work_order(empty_locker, "collecting", "assigned", place, "paulo", (order_id, box_id))
    donation_moved(empty_locker, order_id, "cancelling", "deposited")
    assert refusal(open_doors(ines, place)) == (404, "nothing-to-open")
    assert place.ahead() == []
    occupation_paid(empty_locker, order_id)
    assert refusal(open_doors(person(empty_locker, "paulo", "internal"), place)) == (404, "nothing-to-open")
    work_order(empty_locker, "collecting", "assigned", place, "rita", (order_id, box_id))
    assert refusal(open_doors(person(empty_locker, "rita", "internal"), place)) == (404, "nothing-to-open")
    [opening] = open_doors(ines, place, place.code(clock.now() + timedelta(seconds=30))).json()["openings"]
    place.use(opening["grant_id"], False)
    assert used(empty_locker)[-1] == ("withdraw", order_id)
    assert place.state_of(box_id) == "free"


@pytest.mark.story("mf-co-02")
def test_a_deliveryman_opens_exactly_the_boxes_of_his_order(empty_locker: Harness, paulo: Ask) -> None:
    place = make_place(empty_locker, boxes=4, threshold=3)
    filled = [deposit(empty_locker, place, donor) for donor in ("ines", "rui", "ana")]
    hold(empty_locker, place, "zoe")
    [asked] = empty_locker.published("locker.location.threshold_reached.v1")
    assert {(one["order_id"], one["box_id"]) for one in asked["deposits"]} == set(filled)
    work_order(empty_locker, "collecting", "assigned", place, "paulo", *filled)
    opened = open_doors(paulo, place).json()["openings"]
    assert {(one["order_id"], one["box_id"]) for one in opened} == set(filled)
    for one in opened:
        place.use(one["grant_id"], False)
    assert used(empty_locker)[3:] == [("collect", one["order_id"]) for one in opened]
    assert {place.state_of(box_id) for _, box_id in filled} == {"free"}


@pytest.mark.story("mf-co-03")
def test_a_reassigned_order_opens_for_the_new_one_only(empty_locker: Harness, place: Place, paulo: Ask) -> None:
    taken = deposit(empty_locker, place)
    work_order(empty_locker, "collecting", "assigned", place, "paulo", taken)
    before = place.ahead()
    work_order(empty_locker, "collecting", "assigned", place, "rita", taken)
    assert refusal(open_doors(paulo, place)) == (404, "nothing-to-open")
    assert open_doors(person(empty_locker, "rita", "internal"), place).status_code == 200
    assert {grant["grant_id"] for grant in place.ahead()}.isdisjoint(grant["grant_id"] for grant in before)
    work_order(empty_locker, "collecting", "failed", place, "rita", taken)
    later = place.code(clock.now() + timedelta(seconds=30))
    assert refusal(open_doors(person(empty_locker, "rita", "internal"), place, later)) == (404, "nothing-to-open")


@pytest.mark.story("rd-r-po-02")
def test_a_returned_package_is_put_in_and_taken_out(
    empty_locker: Harness, place: Place, ines: Ask, paulo: Ask
) -> None:
    return_id = new_id("rdo")
    return_made(empty_locker, return_id, place)
    work_order(empty_locker, "shipping", "assigned", place, "paulo", (return_id, None))
    [opening] = open_doors(paulo, place).json()["openings"]
    assert opening["purpose"] == "ship"
    assert refusal(open_doors(ines, place)) == (404, "nothing-to-open")
    place.use(opening["grant_id"], True)
    [opening] = open_doors(ines, place).json()["openings"]
    assert opening["purpose"] == "pick_up"
    place.use(opening["grant_id"], False)
    assert used(empty_locker) == [("ship", return_id), ("pick_up", return_id)]
    assert place.state_of(opening["box_id"]) == "free"


def test_a_package_waits_until_a_box_is_free(empty_locker: Harness, paulo: Ask) -> None:
    place = make_place(empty_locker, boxes=1)
    order_id, _ = hold(empty_locker, place)
    return_id = new_id("rdo")
    work_order(empty_locker, "shipping", "assigned", place, "paulo", (return_id, None))
    assert refusal(open_doors(paulo, place)) == (404, "nothing-to-open")
    donation_moved(empty_locker, order_id, "cancelled", "submitted")
    with db.unit_of_work():
        jobs.serve_box_requests()
    [opening] = open_doors(paulo, place).json()["openings"]
    assert opening["order_id"] == return_id


class TestWithoutANetwork:
    """Grants of the day, and events that come later."""

    @pytest.mark.story("d-co-02")
    def test_grants_of_the_day_open_for_the_person_they_are_wrapped_for(
        self, empty_locker: Harness, place: Place, paulo: Ask
    ) -> None:
        taken = deposit(empty_locker, place)
        work_order(empty_locker, "collecting", "assigned", place, "paulo", taken)
        [ahead] = place.ahead()
        assert place.ahead()[0]["grant_id"] == ahead["grant_id"]
        with pytest.raises(door_grants.GrantRefused):
            unwrapped(ahead["text"], day_key(person(empty_locker, "rita", "internal")))
        keys = place.controller("GET", "/locker/v1/controller").json()["grant_keys"]
        claims = door_grants.check(unwrapped(ahead["text"], day_key(paulo)), keys, place.id, clock.now())
        assert (claims.purpose, claims.box_id) == ("collect", taken[1])
        for elsewhere, moment in ((new_id("loc"), clock.now()), (place.id, clock.now() + timedelta(days=2))):
            with pytest.raises(door_grants.GrantRefused):
                door_grants.check(unwrapped(ahead["text"], day_key(paulo)), keys, elsewhere, moment)
        place.use(ahead["grant_id"], False)
        assert used(empty_locker)[-1] == ("collect", taken[0])
        assert place.ahead() == []

    @pytest.mark.real_servers
    def test_events_are_taken_once_and_in_order(self, empty_locker: Harness, place: Place, ines: Ask) -> None:
        hold(empty_locker, place)
        [opening] = open_doors(ines, place).json()["openings"]
        opened = place.event("opened", grant_id=opening["grant_id"])
        closed = place.event("closed", grant_id=opening["grant_id"], is_occupied=True)
        early = place.report(closed)
        assert refusal(early) == (409, "event-gap")
        assert early.json()["expected_sequence"] == 1
        assert place.state_of(opening["box_id"]) == "held"
        assert place.report(closed, opened).json() == {"next_sequence": 3}
        assert place.report(opened, closed).json() == {"next_sequence": 3}
        assert place.report(opened).json() == {"next_sequence": 3}
        assert len(used(empty_locker)) == 1
        reused = place.report({**closed, "is_occupied": False})
        assert refusal(reused) == (409, "sequence-reused")
        assert place.state_of(opening["box_id"]) == "occupied"

    def test_a_report_with_a_gap_is_not_half_taken(self, empty_locker: Harness, place: Place, ines: Ask) -> None:
        hold(empty_locker, place)
        [opening] = open_doors(ines, place).json()["openings"]
        opened = place.event("opened", grant_id=opening["grant_id"])
        closed = place.event("closed", grant_id=opening["grant_id"], is_occupied=True)
        place.event("offline")
        online = place.event("online")
        assert refusal(place.report(opened, closed, online)) == (409, "event-gap")
        assert place.state_of(opening["box_id"]) == "held"
        assert used(empty_locker) == []
        assert place.controller("GET", "/locker/v1/controller").json()["next_sequence"] == 1

    def test_a_grant_used_twice_is_an_anomaly_and_moves_nothing(
        self, empty_locker: Harness, place: Place, ines: Ask
    ) -> None:
        hold(empty_locker, place)
        [opening] = open_doors(ines, place).json()["openings"]
        place.use(opening["grant_id"], True)
        place.use(opening["grant_id"], False)
        place.use(new_id("grt"), False)
        assert place.state_of(opening["box_id"]) == "occupied"
        assert len(used(empty_locker)) == 1
        staff = empty_locker.as_user("marta", "locker:activity:read", kind="internal", roles=["manager"])
        log = staff("GET", "/locker/v1/activity", params={"location_id": place.id}).json()["items"]
        assert sum(entry["kind"] == "anomaly" for entry in log) >= 2

    def test_a_door_used_before_the_right_ended_counts(self, empty_locker: Harness, place: Place) -> None:
        taken = deposit(empty_locker, place)
        work_order(empty_locker, "collecting", "assigned", place, "paulo", taken)
        [ahead] = place.ahead()
        opened = place.event("opened", grant_id=ahead["grant_id"])
        closed = place.event("closed", grant_id=ahead["grant_id"], is_occupied=False)
        work_order(empty_locker, "collecting", "assigned", place, "rita", taken)
        assert place.report(opened, closed).status_code == 200
        assert used(empty_locker)[-1] == ("collect", taken[0])
        assert place.state_of(taken[1]) == "free"

    def test_only_the_controller_of_a_location_speaks_for_it(self, empty_locker: Harness, ines: Ask) -> None:
        stranger = support.machine(empty_locker, new_id("cli"))
        assert refusal(stranger("GET", "/locker/v1/controller")) == (403, "not-a-controller")
        assert ines("GET", "/locker/v1/controller").status_code == 403
        assert ines("GET", "/locker/v1/controller/grants").status_code == 403


@pytest.mark.story("mf-dob-04")
@pytest.mark.real_servers
def test_each_deposit_is_asked_for_once(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=6, threshold=2, deliveryman_id=user_id("paulo"), area="Centro")
    first = deposit(empty_locker, place)
    assert empty_locker.published("locker.location.threshold_reached.v1") == []
    second, third = deposit(empty_locker, place), deposit(empty_locker, place)
    [asked] = empty_locker.published("locker.location.threshold_reached.v1")
    assert (asked["deliveryman_id"], asked["area"]) == (user_id("paulo"), "Centro")
    assert {one["order_id"] for one in asked["deposits"]} == {first[0], second[0]}
    fourth = deposit(empty_locker, place)
    asked = empty_locker.published("locker.location.threshold_reached.v1")[1]
    assert {one["order_id"] for one in asked["deposits"]} == {third[0], fourth[0]}


@pytest.mark.story("mf-dob-04")
def test_a_threshold_that_is_lowered_counts_at_once(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=3, threshold=3)
    filled = [deposit(empty_locker, place) for _ in range(2)]
    manager = empty_locker.as_user("marta", "locker:locations:write", kind="internal", roles=["manager"])
    for _ in range(2):
        assert manager("PATCH", f"/locker/v1/locations/{place.id}", json={"threshold": 2}).status_code == 200
    [asked] = empty_locker.published("locker.location.threshold_reached.v1")
    assert {(one["order_id"], one["box_id"]) for one in asked["deposits"]} == set(filled)


@pytest.mark.story("mf-dob-02")
def test_a_box_can_have_a_deliveryman_of_its_own(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=2, threshold=2, deliveryman_id=user_id("paulo"))
    manager = empty_locker.as_user("marta", "locker:locations:write", kind="internal", roles=["manager"])
    first = deposit(empty_locker, place)
    rita = {"deliveryman_id": user_id("rita")}
    assert manager("PUT", f"/locker/v1/boxes/{first[1]}/deliveryman", json=rita).json()["deliveryman_id"]
    second = deposit(empty_locker, place)
    asked = empty_locker.published("locker.location.threshold_reached.v1")
    shares = {one["deliveryman_id"]: [deposit["order_id"] for deposit in one["deposits"]] for one in asked}
    assert shares == {user_id("rita"): [first[0]], user_id("paulo"): [second[0]]}


@pytest.mark.story("mf-dob-01")
@pytest.mark.real_servers
def test_staff_sees_how_full_a_location_is_and_what_happened(empty_locker: Harness) -> None:
    place = make_place(empty_locker, boxes=4)
    hold(empty_locker, place, "rui")
    order_id, box_id = deposit(empty_locker, place)
    scopes = "locker:boxes:read locker:boxes:write locker:activity:read"
    staff = empty_locker.as_user("marta", scopes, kind="internal", roles=["manager"])
    [found] = staff("GET", "/locker/v1/occupancies").json()["items"]
    assert found["boxes"] == {"free": 2, "held": 1, "occupied": 1, "out_of_service": 0}
    assert found["fill_level"] == 0.25
    assert found["controller_seen_at"] is not None
    log = staff("GET", "/locker/v1/activity", params={"box_id": box_id}).json()["items"]
    assert [entry["kind"] for entry in log] == ["closed", "opened", "opening", "held"]
    assert log[0]["order_id"] == order_id
    free = staff("GET", "/locker/v1/boxes", params={"state": "free"}).json()["items"][0]["id"]
    broken = {"state": "out_of_service", "reason": "The door does not close."}
    assert staff("PATCH", f"/locker/v1/boxes/{free}", json=broken).status_code == 200
    staff("PATCH", f"/locker/v1/boxes/{free}", json={"state": "free"})
    [record] = staff("GET", "/locker/v1/maintenance-records", params={"box_id": free}).json()["items"]
    assert (record["reason"], record["closed_by"]) == (broken["reason"], user_id("marta"))


@pytest.mark.story("mf-dob-03")
def test_a_location_has_a_time_zone_of_the_tz_database(empty_locker: Harness, place: Place) -> None:
    manager = empty_locker.as_user("marta", "locker:locations:write", kind="internal", roles=["manager"])
    path = f"/locker/v1/locations/{place.id}"
    assert empty_locker.client.get(path).json()["time_zone"] == "Europe/Lisbon"
    assert manager("PATCH", path, json={"time_zone": "Atlantic/Azores"}).status_code == 200
    assert empty_locker.client.get(path).json()["time_zone"] == "Atlantic/Azores"
    refused = manager("PATCH", path, json={"time_zone": "Lisbon"})
    assert (refused.status_code, [error["pointer"] for error in refused.json()["errors"]]) == (400, ["/time_zone"])


def test_a_manager_changes_a_location(empty_locker: Harness, place: Place) -> None:
    manager = empty_locker.as_user(
        "marta", "locker:locations:write locker:boxes:read", kind="internal", roles=["manager"]
    )
    path = f"/locker/v1/locations/{place.id}"
    changes = {"area": "Baixa", "threshold": 4, "position": {"lat": -16.5, "lon": 179.9}}
    changed = manager("PATCH", path, json=changes).json()
    assert {name: changed[name] for name in changes} == changes
    assert manager("GET", f"/locker/v1/occupancies/{place.id}").json() == changed
    audited = [e for e in empty_locker.published("locker.audit.recorded.v1") if e["action"] == "change_location"]
    assert audited[0]["after"]["area"] == "Baixa"
    other = make_place(empty_locker)
    taken = {"controller_id": manager("GET", f"/locker/v1/occupancies/{other.id}").json()["controller_id"]}
    assert refusal(manager("PATCH", path, json=taken)) == (409, "controller-taken")
    assert refusal(manager("PATCH", path, json={"threshold": 0})) == (400, "bad-request")
    assert manager("PATCH", f"/locker/v1/locations/{new_id('loc')}", json={"area": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("latitude", "longitude", "nearest"),
    [
        (-16.5, -179.9, "Taveuni"),
        (-16.5, 179.8, "Taveuni"),
        (89.9, 10, "Pole"),
        (89.9, -170, "Pole"),
        (0, 0, "Null"),
    ],
)
def test_the_nearest_is_found_at_the_date_line_and_at_the_pole(
    empty_locker: Harness, latitude: float, longitude: float, nearest: str
) -> None:
    for name, lat, lon in (
        ("Taveuni", -16.5, 179.95),
        ("Pole", 89.99, 120),
        ("Null", 0, 0),
        ("Lisbon", 38.7, -9.1),
    ):
        make_place(empty_locker, name=name, position={"lat": lat, "lon": lon})
    query = {"near_lat": latitude, "near_lon": longitude}
    found = empty_locker.client.get("/locker/v1/locations", params=query).json()["items"]
    assert found[0]["name"] == nearest
    assert len(found) == 4
    assert [one["distance_m"] for one in found] == sorted(one["distance_m"] for one in found)
