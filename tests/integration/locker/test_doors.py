"""Who may open which door with which code, what happens when it is used, and when deposits are collected."""

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
from tests.integration.locker.support import (
    NOTHING_TO_OPEN,
    Client,
    Site,
    controller_client,
    create_client,
    create_site,
    day_key,
    deliver_donation_return,
    deliver_donation_state,
    deliver_occupation_fee_paid,
    deliver_work_order,
    hold_box,
    make_deposit,
    new_id,
    open_doors,
    read_problem,
)
from tests.support.harness import Harness, user_id


def used_doors(locker: Harness) -> list[tuple[str, str]]:
    return [(event["purpose"], event["order_id"]) for event in locker.published("locker.door.used.v1")]


def list_rights(client: Client, **query: str) -> list[dict[str, Any]]:
    rights: list[dict[str, Any]] = client("GET", "/locker/v1/door-rights", params=query).json()["items"]
    return rights


@pytest.mark.story("d-pr-04")
def test_a_hold_is_idempotent_and_lets_the_donor_open_the_box(locker: Harness, site: Site, ines: Client) -> None:
    order_id, first = hold_box(locker, site)
    _, again = hold_box(locker, site, order_id=order_id)
    assert first.json() == again.json()
    assert site.states_by_box()[first.json()["box_id"]] == "held"
    [right] = list_rights(ines, state="open")
    assert (right["purpose"], right["order_id"]) == ("deposit", order_id)


def test_a_box_of_a_full_or_unknown_location_cannot_be_held(locker: Harness) -> None:
    site = create_site(locker, boxes=1)
    assert hold_box(locker, site)[1].status_code == 200
    assert read_problem(hold_box(locker, site)[1]) == (409, "location-full")
    site.id = "loc_" + "9" * 32
    assert hold_box(locker, site)[1].status_code == 404


@pytest.mark.story("d-do-01")
def test_a_donor_opens_the_box_and_makes_a_deposit(locker: Harness, site: Site, ines: Client) -> None:
    order_id, hold = hold_box(locker, site)
    response = open_doors(ines, site)
    assert response.status_code == 200, response.text
    [opening] = response.json()["openings"]
    assert (opening["order_id"], opening["box_id"]) == (order_id, hold.json()["box_id"])
    [grant] = site.grants()
    keys = site.controller("GET", "/locker/v1/controller").json()["grant_keys"]
    claims = door_grants.check(grant["text"], keys, site.id, clock.now())
    assert (claims.grant_id, claims.box_id, claims.person_id) == (
        grant["grant_id"],
        opening["box_id"],
        user_id("ines"),
    )
    site.use_door(grant["grant_id"], True)
    assert site.states_by_box()[opening["box_id"]] == "occupied"
    assert used_doors(locker) == [("deposit", order_id)]
    assert site.grants() == []
    assert read_problem(open_doors(ines, site)) == NOTHING_TO_OPEN


def test_a_deposit_that_leaves_the_box_empty_changes_nothing(locker: Harness, site: Site, ines: Client) -> None:
    hold_box(locker, site)
    [opening] = open_doors(ines, site).json()["openings"]
    site.use_door(opening["grant_id"], False)
    assert site.states_by_box()[opening["box_id"]] == "held"
    assert used_doors(locker) == []
    assert [right["state"] for right in list_rights(ines)] == ["open"]


def test_only_the_donor_opens_the_door_and_only_at_its_location(locker: Harness, site: Site, ines: Client) -> None:
    order_id, _ = hold_box(locker, site)
    other_site = create_site(locker)
    assert read_problem(open_doors(create_client(locker, "rui"), site)) == NOTHING_TO_OPEN
    assert read_problem(open_doors(create_client(locker, "rui"), site, order_id=order_id)) == NOTHING_TO_OPEN
    assert read_problem(open_doors(ines, other_site)) == NOTHING_TO_OPEN
    assert read_problem(open_doors(ines, site, order_id=new_id("dor"))) == NOTHING_TO_OPEN
    assert site.grants() == other_site.grants() == []


def test_a_code_opens_a_door_once(locker: Harness, site: Site, ines: Client) -> None:
    hold_box(locker, site)
    code = site.code()
    assert open_doors(ines, site, code).status_code == 200
    assert read_problem(open_doors(ines, site, code)) == (409, "code-used")
    assert len(site.grants()) == 1


def test_a_code_without_an_order_opens_all_doors_that_it_has_not_opened_yet(locker: Harness, ines: Client) -> None:
    site = create_site(locker, boxes=2)
    first, second = (hold_box(locker, site)[0] for _ in range(2))
    code = site.code()
    assert open_doors(ines, site, code, first).status_code == 200
    [opening] = open_doors(ines, site, code).json()["openings"]
    assert opening["order_id"] == second
    assert read_problem(open_doors(ines, site, code)) == (409, "code-used")


def test_expired_and_forged_codes_open_nothing(locker: Harness, site: Site, ines: Client) -> None:
    hold_box(locker, site)
    expired = site.code(clock.now() - timedelta(minutes=2))
    assert read_problem(open_doors(ines, site, expired)) == (409, "code-expired")
    prefix, location_id, step, mac = site.code().split(".")
    other = create_site(locker).id
    for forged in (
        f"{prefix}.{location_id}.{step}.{'A' * len(mac)}",
        f"{prefix}.{location_id}.{int(step) + 1}.{mac}",
        f"{prefix}.{other}.{step}.{mac}",
        f"RC2.{location_id}.{step}.{mac}",
        "https://evil.example/",
        f"{prefix}.{location_id}.٣.{mac}",
    ):
        assert read_problem(open_doors(ines, site, forged)) == (422, "code-unknown"), forged
    assert site.grants() == []


def test_an_overdue_hold_opens_nothing_and_is_released(locker: Harness, site: Site, ines: Client) -> None:
    order_id, hold = hold_box(locker, site)
    past = clock.now() - timedelta(seconds=1)
    with db.unit_of_work() as session:
        session.execute(update(Box).where(Box.held_for_order_id == order_id).values(held_until=past))
        session.execute(update(DoorRight).values(valid_until=past))
    assert read_problem(open_doors(ines, site)) == (409, "hold-expired")
    jobs.release_overdue_holds()
    assert site.states_by_box()[hold.json()["box_id"]] == "free"
    assert read_problem(open_doors(ines, site)) == NOTHING_TO_OPEN
    assert hold_box(locker, site, order_id=order_id)[1].status_code == 200


def test_a_box_out_of_service_cannot_be_opened(locker: Harness, site: Site, ines: Client) -> None:
    order_id, _ = hold_box(locker, site)
    with db.unit_of_work() as session:
        box = update(Box).where(Box.held_for_order_id == order_id)
        session.execute(box.values(state="out_of_service", version=Box.version + 1))
    assert read_problem(open_doors(ines, site)) == (409, "box-out-of-service")


def test_a_request_to_open_fails_while_the_controller_is_offline(locker: Harness, site: Site, ines: Client) -> None:
    hold_box(locker, site)
    with db.unit_of_work() as session:
        seen_at = clock.now() - timedelta(minutes=5)
        session.execute(update(Location).where(Location.id == site.id).values(controller_seen_at=seen_at))
    response = open_doors(ines, site)
    assert read_problem(response) == (503, "controller-offline")
    assert response.headers["retry-after"] == "10"


@pytest.mark.story("rd-c-01")
def test_a_cancelled_donation_releases_its_box(locker: Harness, site: Site, ines: Client) -> None:
    order_id, hold = hold_box(locker, site)
    deliver_donation_state(locker, order_id, "cancelled", "submitted")
    assert site.states_by_box()[hold.json()["box_id"]] == "free"
    assert read_problem(open_doors(ines, site)) == NOTHING_TO_OPEN


def test_a_deposit_counts_when_its_order_was_cancelled_before_the_report_arrived(
    locker: Harness, site: Site, ines: Client
) -> None:
    order_id, _ = hold_box(locker, site)
    [opening] = open_doors(ines, site).json()["openings"]
    opened = site.event("opened", grant_id=opening["grant_id"])
    closed = site.event("closed", grant_id=opening["grant_id"], is_occupied=True)
    deliver_donation_state(locker, order_id, "cancelled", "submitted")
    assert site.report(opened, closed).status_code == 200
    assert used_doors(locker) == [("deposit", order_id)]
    assert site.states_by_box()[opening["box_id"]] == "occupied"


@pytest.mark.story("rd-c-03")
def test_a_donor_withdraws_a_cancelled_deposit_after_the_fee_was_paid(
    locker: Harness, site: Site, ines: Client
) -> None:
    order_id, box_id = make_deposit(locker, site)
    deliver_work_order(locker, "collecting", "assigned", site, "paulo", (order_id, box_id))
    deliver_donation_state(locker, order_id, "cancelling", "deposited")
    assert read_problem(open_doors(ines, site)) == NOTHING_TO_OPEN
    assert site.offline_grants() == []
    deliver_occupation_fee_paid(locker, order_id)
    assert read_problem(open_doors(create_client(locker, "paulo", "internal"), site)) == NOTHING_TO_OPEN
    deliver_work_order(locker, "collecting", "assigned", site, "rita", (order_id, box_id))
    assert read_problem(open_doors(create_client(locker, "rita", "internal"), site)) == NOTHING_TO_OPEN
    [opening] = open_doors(ines, site, site.code(clock.now() + timedelta(seconds=30))).json()["openings"]
    site.use_door(opening["grant_id"], False)
    assert used_doors(locker)[-1] == ("withdraw", order_id)
    assert site.states_by_box()[box_id] == "free"


@pytest.mark.story("mf-co-02")
def test_a_deliveryman_opens_exactly_the_boxes_of_the_collecting_order(locker: Harness, paulo: Client) -> None:
    site = create_site(locker, boxes=4, threshold=3)
    deposits = [make_deposit(locker, site, donor) for donor in ("ines", "rui", "ana")]
    hold_box(locker, site, "zoe")
    [requested] = locker.published("locker.location.threshold_reached.v1")
    assert {(deposit["order_id"], deposit["box_id"]) for deposit in requested["deposits"]} == set(deposits)
    deliver_work_order(locker, "collecting", "assigned", site, "paulo", *deposits)
    openings = open_doors(paulo, site).json()["openings"]
    assert {(opening["order_id"], opening["box_id"]) for opening in openings} == set(deposits)
    for opening in openings:
        site.use_door(opening["grant_id"], False)
    assert used_doors(locker)[3:] == [("collect", opening["order_id"]) for opening in openings]
    assert site.box_states() == ["free", "free", "free", "held"]


@pytest.mark.story("mf-co-03")
def test_a_reassigned_work_order_opens_doors_for_the_new_assignee_only(
    locker: Harness, site: Site, paulo: Client
) -> None:
    deposit = make_deposit(locker, site)
    deliver_work_order(locker, "collecting", "assigned", site, "paulo", deposit)
    before = site.offline_grants()
    deliver_work_order(locker, "collecting", "assigned", site, "rita", deposit)
    assert read_problem(open_doors(paulo, site)) == NOTHING_TO_OPEN
    assert open_doors(create_client(locker, "rita", "internal"), site).status_code == 200
    assert {grant["grant_id"] for grant in site.offline_grants()}.isdisjoint(grant["grant_id"] for grant in before)
    deliver_work_order(locker, "collecting", "failed", site, "rita", deposit)
    later = site.code(clock.now() + timedelta(seconds=30))
    assert read_problem(open_doors(create_client(locker, "rita", "internal"), site, later)) == NOTHING_TO_OPEN


@pytest.mark.story("rd-r-po-02")
def test_a_returned_donation_is_shipped_and_picked_up(
    locker: Harness, site: Site, ines: Client, paulo: Client
) -> None:
    return_id = new_id("rdo")
    deliver_donation_return(locker, return_id, site)
    deliver_work_order(locker, "shipping", "assigned", site, "paulo", (return_id, None))
    [opening] = open_doors(paulo, site).json()["openings"]
    assert opening["purpose"] == "ship"
    assert read_problem(open_doors(ines, site)) == NOTHING_TO_OPEN
    site.use_door(opening["grant_id"], True)
    [opening] = open_doors(ines, site).json()["openings"]
    assert opening["purpose"] == "pick_up"
    site.use_door(opening["grant_id"], False)
    assert used_doors(locker) == [("ship", return_id), ("pick_up", return_id)]
    assert site.states_by_box()[opening["box_id"]] == "free"


def test_a_package_waits_for_a_free_box(locker: Harness, paulo: Client) -> None:
    site = create_site(locker, boxes=1)
    order_id, _ = hold_box(locker, site)
    return_id = new_id("rdo")
    deliver_work_order(locker, "shipping", "assigned", site, "paulo", (return_id, None))
    assert read_problem(open_doors(paulo, site)) == NOTHING_TO_OPEN
    deliver_donation_state(locker, order_id, "cancelled", "submitted")
    jobs.serve_box_requests()
    [opening] = open_doors(paulo, site).json()["openings"]
    assert opening["order_id"] == return_id


class TestOffline:
    """Offline grants, and events that are reported late."""

    @pytest.mark.story("d-co-02")
    def test_an_offline_grant_can_be_decrypted_by_its_person_only(
        self, locker: Harness, site: Site, paulo: Client
    ) -> None:
        deposit = make_deposit(locker, site)
        deliver_work_order(locker, "collecting", "assigned", site, "paulo", deposit)
        [grant] = site.offline_grants()
        assert site.offline_grants()[0]["grant_id"] == grant["grant_id"]
        with pytest.raises(door_grants.GrantRefused):
            door_grants.unwrap(grant["text"], day_key(create_client(locker, "rita", "internal")))
        keys = site.controller("GET", "/locker/v1/controller").json()["grant_keys"]
        claims = door_grants.check(door_grants.unwrap(grant["text"], day_key(paulo)), keys, site.id, clock.now())
        assert (claims.purpose, claims.box_id) == ("collect", deposit[1])
        for location_id, at in ((new_id("loc"), clock.now()), (site.id, clock.now() + timedelta(days=2))):
            with pytest.raises(door_grants.GrantRefused):
                door_grants.check(door_grants.unwrap(grant["text"], day_key(paulo)), keys, location_id, at)
        site.use_door(grant["grant_id"], False)
        assert used_doors(locker)[-1] == ("collect", deposit[0])
        assert site.offline_grants() == []

    @pytest.mark.real_servers
    def test_events_are_received_once_and_in_order(self, locker: Harness, site: Site, ines: Client) -> None:
        hold_box(locker, site)
        [opening] = open_doors(ines, site).json()["openings"]
        opened = site.event("opened", grant_id=opening["grant_id"])
        closed = site.event("closed", grant_id=opening["grant_id"], is_occupied=True)
        gap = site.report(closed)
        assert read_problem(gap) == (409, "event-gap")
        assert gap.json()["expected_sequence"] == 1
        assert site.states_by_box()[opening["box_id"]] == "held"
        assert site.report(closed, opened).json() == {"next_sequence": 3}
        assert site.report(opened, closed).json() == {"next_sequence": 3}
        assert site.report(opened).json() == {"next_sequence": 3}
        assert len(used_doors(locker)) == 1
        reused = site.report({**closed, "is_occupied": False})
        assert read_problem(reused) == (409, "sequence-reused")
        assert site.states_by_box()[opening["box_id"]] == "occupied"

    def test_a_report_with_a_gap_is_rejected_as_a_whole(self, locker: Harness, site: Site, ines: Client) -> None:
        hold_box(locker, site)
        [opening] = open_doors(ines, site).json()["openings"]
        opened = site.event("opened", grant_id=opening["grant_id"])
        closed = site.event("closed", grant_id=opening["grant_id"], is_occupied=True)
        site.event("offline")
        online = site.event("online")
        assert read_problem(site.report(opened, closed, online)) == (409, "event-gap")
        assert site.states_by_box()[opening["box_id"]] == "held"
        assert used_doors(locker) == []
        assert site.controller("GET", "/locker/v1/controller").json()["next_sequence"] == 1

    def test_a_grant_that_is_used_twice_is_an_anomaly_and_changes_nothing(
        self, locker: Harness, site: Site, ines: Client
    ) -> None:
        hold_box(locker, site)
        [opening] = open_doors(ines, site).json()["openings"]
        site.use_door(opening["grant_id"], True)
        site.use_door(opening["grant_id"], False)
        site.use_door(new_id("grt"), False)
        assert site.states_by_box()[opening["box_id"]] == "occupied"
        assert len(used_doors(locker)) == 1
        staff = locker.as_user("marta", "locker:activity:read", kind="internal", roles=["manager"])
        log = staff("GET", "/locker/v1/activity", params={"location_id": site.id}).json()["items"]
        assert sum(entry["kind"] == "anomaly" for entry in log) >= 2

    def test_the_use_of_a_door_before_its_right_was_voided_counts(self, locker: Harness, site: Site) -> None:
        deposit = make_deposit(locker, site)
        deliver_work_order(locker, "collecting", "assigned", site, "paulo", deposit)
        [grant] = site.offline_grants()
        opened = site.event("opened", grant_id=grant["grant_id"])
        closed = site.event("closed", grant_id=grant["grant_id"], is_occupied=False)
        deliver_work_order(locker, "collecting", "assigned", site, "rita", deposit)
        assert site.report(opened, closed).status_code == 200
        assert used_doors(locker)[-1] == ("collect", deposit[0])
        assert site.states_by_box()[deposit[1]] == "free"

    def test_only_the_controller_of_a_location_reads_its_grants(self, locker: Harness, ines: Client) -> None:
        stranger = controller_client(locker, new_id("cli"))
        assert read_problem(stranger("GET", "/locker/v1/controller")) == (403, "not-a-controller")
        assert ines("GET", "/locker/v1/controller").status_code == 403
        assert ines("GET", "/locker/v1/controller/grants").status_code == 403


@pytest.mark.story("mf-dob-04")
@pytest.mark.real_servers
def test_the_collection_of_a_deposit_is_requested_once(locker: Harness) -> None:
    site = create_site(locker, boxes=6, threshold=2, deliveryman_id=user_id("paulo"), area="Centro")
    first = make_deposit(locker, site)
    assert locker.published("locker.location.threshold_reached.v1") == []
    second, third = make_deposit(locker, site), make_deposit(locker, site)
    [requested] = locker.published("locker.location.threshold_reached.v1")
    assert (requested["deliveryman_id"], requested["area"]) == (user_id("paulo"), "Centro")
    assert {deposit["order_id"] for deposit in requested["deposits"]} == {first[0], second[0]}
    fourth = make_deposit(locker, site)
    requested = locker.published("locker.location.threshold_reached.v1")[1]
    assert {deposit["order_id"] for deposit in requested["deposits"]} == {third[0], fourth[0]}


@pytest.mark.story("mf-dob-04")
def test_a_lower_threshold_requests_the_collection_immediately(locker: Harness) -> None:
    site = create_site(locker, boxes=3, threshold=3)
    deposits = [make_deposit(locker, site) for _ in range(2)]
    manager = locker.as_user("marta", "locker:locations:write", kind="internal", roles=["manager"])
    for _ in range(2):
        assert manager("PATCH", f"/locker/v1/locations/{site.id}", json={"threshold": 2}).status_code == 200
    [requested] = locker.published("locker.location.threshold_reached.v1")
    assert {(deposit["order_id"], deposit["box_id"]) for deposit in requested["deposits"]} == set(deposits)


@pytest.mark.story("mf-dob-02")
def test_a_box_can_have_another_deliveryman_than_its_location(locker: Harness) -> None:
    site = create_site(locker, boxes=2, threshold=2, deliveryman_id=user_id("paulo"))
    manager = locker.as_user("marta", "locker:locations:write", kind="internal", roles=["manager"])
    first = make_deposit(locker, site)
    rita = {"deliveryman_id": user_id("rita")}
    assert manager("PUT", f"/locker/v1/boxes/{first[1]}/deliveryman", json=rita).json()["deliveryman_id"]
    second = make_deposit(locker, site)
    requests = locker.published("locker.location.threshold_reached.v1")
    orders = {
        request["deliveryman_id"]: [deposit["order_id"] for deposit in request["deposits"]] for request in requests
    }
    assert orders == {user_id("rita"): [first[0]], user_id("paulo"): [second[0]]}


@pytest.mark.story("mf-dob-01")
@pytest.mark.real_servers
def test_staff_reads_occupancy_activity_and_maintenance_records(locker: Harness) -> None:
    site = create_site(locker, boxes=4)
    hold_box(locker, site, "rui")
    order_id, box_id = make_deposit(locker, site)
    scopes = "locker:boxes:read locker:boxes:write locker:activity:read"
    staff = locker.as_user("marta", scopes, kind="internal", roles=["manager"])
    [occupancy] = staff("GET", "/locker/v1/occupancies").json()["items"]
    assert occupancy["boxes"] == {"free": 2, "held": 1, "occupied": 1, "out_of_service": 0}
    assert occupancy["fill_level"] == 0.25
    assert occupancy["controller_seen_at"] is not None
    log = staff("GET", "/locker/v1/activity", params={"box_id": box_id}).json()["items"]
    assert [entry["kind"] for entry in log] == ["closed", "opened", "opening", "held"]
    assert log[0]["order_id"] == order_id
    box_id = staff("GET", "/locker/v1/boxes", params={"state": "free"}).json()["items"][0]["id"]
    body = {"state": "out_of_service", "reason": "The door does not close."}
    assert staff("PATCH", f"/locker/v1/boxes/{box_id}", json=body).status_code == 200
    staff("PATCH", f"/locker/v1/boxes/{box_id}", json={"state": "free"})
    [record] = staff("GET", "/locker/v1/maintenance-records", params={"box_id": box_id}).json()["items"]
    assert (record["reason"], record["closed_by"]) == (body["reason"], user_id("marta"))


@pytest.mark.story("mf-dob-03")
def test_a_location_has_a_time_zone_of_the_tz_database(locker: Harness, site: Site) -> None:
    manager = locker.as_user("marta", "locker:locations:write", kind="internal", roles=["manager"])
    path = f"/locker/v1/locations/{site.id}"
    assert locker.client.get(path).json()["time_zone"] == "Europe/Lisbon"
    assert manager("PATCH", path, json={"time_zone": "Atlantic/Azores"}).status_code == 200
    assert locker.client.get(path).json()["time_zone"] == "Atlantic/Azores"
    response = manager("PATCH", path, json={"time_zone": "Lisbon"})
    assert (response.status_code, [error["pointer"] for error in response.json()["errors"]]) == (
        400,
        ["/time_zone"],
    )


def test_a_manager_changes_a_location(locker: Harness, site: Site) -> None:
    manager = locker.as_user(
        "marta", "locker:locations:write locker:boxes:read", kind="internal", roles=["manager"]
    )
    path = f"/locker/v1/locations/{site.id}"
    changes = {"area": "Baixa", "threshold": 4, "position": {"lat": -16.5, "lon": 179.9}}
    changed = manager("PATCH", path, json=changes).json()
    assert {name: changed[name] for name in changes} == changes
    assert manager("GET", f"/locker/v1/occupancies/{site.id}").json() == changed
    audited = [
        event for event in locker.published("locker.audit.recorded.v1") if event["action"] == "change_location"
    ]
    assert audited[0]["after"]["area"] == "Baixa"
    other = create_site(locker)
    controller = {"controller_id": manager("GET", f"/locker/v1/occupancies/{other.id}").json()["controller_id"]}
    assert read_problem(manager("PATCH", path, json=controller)) == (409, "controller-taken")
    assert read_problem(manager("PATCH", path, json={"threshold": 0})) == (400, "bad-request")
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
def test_the_nearest_location_is_found_across_the_date_line_and_at_the_pole(
    locker: Harness, latitude: float, longitude: float, nearest: str
) -> None:
    for name, lat, lon in (
        ("Taveuni", -16.5, 179.95),
        ("Pole", 89.99, 120),
        ("Null", 0, 0),
        ("Lisbon", 38.7, -9.1),
    ):
        create_site(locker, name=name, position={"lat": lat, "lon": lon})
    query = {"near_lat": latitude, "near_lon": longitude}
    locations = locker.client.get("/locker/v1/locations", params=query).json()["items"]
    assert locations[0]["name"] == nearest
    assert len(locations) == 4
    assert [location["distance_m"] for location in locations] == sorted(
        location["distance_m"] for location in locations
    )
