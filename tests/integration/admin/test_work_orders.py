"""Work orders from the deposit to the factory or back to the donor, on both databases."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from libs.chassis import db, inbox
from tests.integration.admin.support import (
    Ask,
    check,
    collect,
    fill,
    hire,
    move_donation,
    move_return,
    moves,
    new_id,
    own,
    pack,
    problem,
    scan,
    the_own,
    use_door,
)
from tests.support.harness import Harness, user_id


@pytest.fixture
def donation() -> str:
    return new_id("dor")


@pytest.fixture
def rui(admin: Harness) -> Ask:
    return hire(admin, "rui", "deliveryman")


@pytest.fixture
def eva(admin: Harness) -> Ask:
    return hire(admin, "eva", "employee")


def states(told: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    return [(move["previous_state"], move["state"]) for move in told]


def test_a_full_location_makes_a_collecting_order_that_scans_carry_out(admin: Harness, rui: Ask) -> None:
    orders = [new_id("dor"), new_id("dor")]
    fill(admin, *orders)
    work_order = the_own(rui, "collecting")
    assert (work_order["state"], work_order["location_name"]) == ("assigned", "Rossio")
    assert [order["order_id"] for order in work_order["orders"]] == orders
    packages = [pack(rui, order_id) for order_id in orders]
    first = scan(rui, packages[0]["tracking_code"]).json()
    assert (first["id"], first["state"]) == (work_order["id"], "in_progress")
    last = scan(rui, packages[1]["tracking_code"].lower()).json()
    assert last["state"] == "done"
    told = moves(admin, "collecting")
    assert states(told) == [
        (None, "open"),
        ("open", "assigned"),
        ("assigned", "in_progress"),
        ("in_progress", "done"),
    ]
    assert told[1]["assignee_id"] == user_id("rui")
    assert all(order["box_id"].startswith("box_") for order in told[1]["orders"])
    codes = [order["tracking_code"] for order in told[-1]["orders"]]
    assert codes == [package["tracking_code"] for package in packages]


def test_each_collected_package_gets_a_checking_order_by_load(admin: Harness, rui: Ask, eva: Ask) -> None:
    ana = hire(admin, "ana", "employee")
    orders = [new_id("dor") for _ in range(4)]
    fill(admin, *orders)
    collect(rui, orders)
    mine = [len(own(ask, "checking", "assigned")) for ask in (eva, ana)]
    assert mine == [2, 2]
    assert {move["orders"][0]["order_id"] for move in moves(admin, "checking", "assigned")} == set(orders)


@pytest.mark.parametrize("result", ["good", "bad"])
def test_a_check_is_recorded_with_notes_and_photos(
    admin: Harness, rui: Ask, eva: Ask, donation: str, result: str
) -> None:
    fill(admin, donation)
    [package] = collect(rui, [donation])
    work_order = the_own(eva, "checking")
    path = f"/admin/v1/checking-orders/{work_order['id']}/result"
    body = {"result": result, "notes": "Torn sleeve", "photo_ids": []}
    assert problem(eva("POST", path, json=body)) == (409, "illegal-transition")
    assert scan(eva, package["tracking_code"]).json()["state"] == "in_progress"
    done = eva("POST", path, json=body).json()
    assert (done["state"], done["result"], done["notes"]) == ("done", result, "Torn sleeve")
    assert done["photos"] == []
    [told] = moves(admin, "checking", "done")
    assert (told["result"], told["orders"][0]["order_id"]) == (result, donation)
    assert problem(eva("POST", path, json=body)) == (409, "illegal-transition")


def test_a_check_without_a_scan_is_refused_and_leaves_no_trace(
    admin: Harness, rui: Ask, eva: Ask, donation: str
) -> None:
    fill(admin, donation)
    collect(rui, [donation])
    path = f"/admin/v1/checking-orders/{the_own(eva, 'checking')['id']}"
    assert eva("POST", f"{path}/start").json()["state"] == "in_progress"
    assert problem(eva("POST", f"{path}/result", json={"result": "bad"})) == (409, "codes-missing")
    assert the_own(eva, "checking")["result"] is None
    assert eva("GET", "/admin/v1/bad-packages").json()["items"] == []


def test_a_paid_return_is_packed_then_shipped(admin: Harness, rui: Ask, eva: Ask, donation: str) -> None:
    return_id = new_id("rdo")
    for _ in range(2):
        move_return(admin, return_id, donation)
    packing = the_own(eva, "packing")
    [order] = packing["orders"]
    assert (order["order_id"], order["donation_id"]) == (return_id, donation)
    path = f"/admin/v1/own-packing-orders/{packing['id']}/finish"
    package = pack(eva, return_id)
    assert problem(eva("POST", path)) == (409, "illegal-transition")
    scan(eva, package["tracking_code"])
    assert eva("POST", path).json()["state"] == "done"
    shipping = the_own(rui, "shipping")
    assert (shipping["state"], shipping["orders"][0]["tracking_code"]) == ("assigned", package["tracking_code"])
    assert scan(rui, package["tracking_code"]).json()["state"] == "in_progress"
    finished = rui("POST", f"/admin/v1/shipping-orders/{shipping['id']}/finish")
    assert finished.json()["state"] == "done"
    [told] = moves(admin, "shipping", "assigned")
    assert (told["location_name"], told["orders"][0]["order_id"]) == ("Rossio", return_id)


@pytest.mark.parametrize("is_scanned", [True, False])
def test_the_door_ends_the_shipping(admin: Harness, rui: Ask, eva: Ask, donation: str, is_scanned: bool) -> None:
    return_id = new_id("rdo")
    with pytest.raises(LookupError):
        use_door(admin, return_id)
    move_return(admin, return_id, donation)
    package = pack(eva, return_id)
    scan(eva, package["tracking_code"])
    eva("POST", f"/admin/v1/own-packing-orders/{the_own(eva, 'packing')['id']}/finish")
    if is_scanned:
        scan(rui, package["tracking_code"])
    use_door(admin, return_id, "pick_up")
    use_door(admin, return_id, is_occupied=False)
    assert the_own(rui, "shipping")["state"] != "done"
    for _ in range(2):
        use_door(admin, return_id)
    assert the_own(rui, "shipping")["state"] == "done"
    assert states(moves(admin, "shipping"))[-2:] == [("assigned", "in_progress"), ("in_progress", "done")]


def test_a_paid_order_is_packed_and_shipped_by_the_same_machinery(admin: Harness, rui: Ask, eva: Ask) -> None:
    order_id, location = new_id("bor"), new_id("loc")
    paid = {
        "order_id": order_id,
        "buyer_id": user_id("bruno"),
        "items": [{"product_id": new_id("prd"), "title": "Coat", "price": {"amount": 1, "currency": "EUR"}}],
        "total": {"amount": 1, "currency": "EUR"},
        "pickup_location_id": location,
        "pickup_location_name": "Rossio",
        "payment_id": new_id("pay"),
        "paid_at": "2026-01-02T03:04:05.000000Z",
    }
    admin.deliver("customer.buying_order.paid.v1", paid)
    work_order = the_own(eva, "packing")
    assert work_order["orders"][0]["contents"][0]["title"] == "Coat"
    package = pack(eva, order_id)
    scan(eva, package["tracking_code"])
    [listed] = eva("GET", "/admin/v1/packing-orders").json()["items"]
    assert listed["id"] == "pko_" + work_order["id"].removeprefix("wor_")
    assert (listed["state"], listed["tracking_code"]) == ("in_progress", package["tracking_code"])
    eva("POST", f"/admin/v1/own-packing-orders/{work_order['id']}/finish")
    assert the_own(rui, "shipping")["location_id"] == location


def test_the_packing_of_a_return_is_no_packing_order_of_a_buyer(admin: Harness, eva: Ask) -> None:
    move_return(admin, new_id("rdo"), new_id("dor"))
    digits = the_own(eva, "packing")["id"].removeprefix("wor_")
    assert eva("GET", "/admin/v1/packing-orders").json()["items"] == []
    assert eva("GET", f"/admin/v1/packing-orders/pko_{digits}").status_code == 404


def test_a_mistyped_and_an_unknown_code_are_refused_with_the_reason(rui: Ask) -> None:
    mistyped = scan(rui, "RC407139625800")
    others = [scan(rui, f"RC40713962580{digit}") for digit in range(1, 10)]
    kinds = [problem(answer) for answer in (mistyped, *others)]
    assert sorted(kinds) == [(404, "unknown-code"), *[(422, "mistyped-code")] * 9]
    assert problem(scan(rui, "my parcel")) == (422, "mistyped-code")


def test_a_code_scanned_twice_or_when_all_is_done_is_refused(
    admin: Harness, rui: Ask, eva: Ask, donation: str
) -> None:
    other = new_id("dor")
    fill(admin, donation, other)
    code = pack(rui, donation)["tracking_code"]
    assert scan(rui, code).status_code == 200
    again = scan(rui, code)
    assert problem(again) == (409, "already-scanned")
    assert "next package" in again.json()["detail"]
    collect(rui, [other])
    check(eva, {"tracking_code": code}, "good")
    assert problem(scan(eva, code)) == (409, "nothing-to-scan-for")


def test_a_code_scanned_by_the_wrong_person_is_refused_and_moves_nothing(
    admin: Harness, rui: Ask, eva: Ask, donation: str
) -> None:
    fill(admin, donation)
    zoe = hire(admin, "zoe", "deliveryman")
    code = pack(rui, donation)["tracking_code"]
    for stranger in (zoe, eva):
        answer = scan(stranger, code)
        assert problem(answer) == (403, "not-assigned-to-you")
        assert "Rui" not in answer.text
    assert the_own(rui, "collecting")["state"] == "assigned"
    collect(rui, [donation])
    assert problem(scan(rui, code)) == (403, "not-assigned-to-you"), "it is being checked now"


def test_somebody_elses_work_order_is_not_there(admin: Harness, rui: Ask, eva: Ask, donation: str) -> None:
    fill(admin, donation)
    zoe = hire(admin, "zoe", "deliveryman")
    work_order = the_own(rui, "collecting")
    package = pack(rui, donation)
    path = f"/admin/v1/collecting-orders/{work_order['id']}"
    assert rui("GET", path).json()["id"] == work_order["id"]
    assert own(zoe, "collecting") == []
    for method, where, body in (
        ("GET", path, None),
        ("POST", f"{path}/start", None),
        ("POST", f"{path}/finish", None),
        ("POST", f"{path}/fail", {"reason": "Because"}),
        ("GET", f"/admin/v1/packages/{package['id']}", None),
        ("GET", f"/admin/v1/packages/{package['id']}/label.pdf", None),
        ("GET", f"/admin/v1/packages/{package['id']}/label.png", None),
    ):
        assert zoe(method, where, **({"json": body} if body else {})).status_code == 404, where
    asked = zoe("POST", "/admin/v1/packages", json={"order_id": donation}, key=uuid.uuid4().hex)
    assert asked.status_code == 404
    # Of another kind it is not there for its own assignee either.
    assert rui("GET", f"/admin/v1/shipping-orders/{work_order['id']}").status_code == 404


def test_scopes_keep_kinds_of_work_apart(admin: Harness, rui: Ask, eva: Ask) -> None:
    for path in ("checking-orders", "own-packing-orders", "work-orders", "employees", "factories", "bad-packages"):
        assert rui("GET", f"/admin/v1/{path}").status_code == 403, path
    for path in ("collecting-orders", "shipping-orders", "work-orders", "employees"):
        assert eva("GET", f"/admin/v1/{path}").status_code == 403, path
    donor = admin.as_user("ines", "customer:donating-orders")
    assert donor("POST", "/admin/v1/scans", json={"tracking_code": "RC1"}).status_code == 403


def test_steps_out_of_turn_are_refused(admin: Harness, rui: Ask, donation: str) -> None:
    fill(admin, donation)
    path = f"/admin/v1/collecting-orders/{the_own(rui, 'collecting')['id']}"
    assert problem(rui("POST", f"{path}/finish")) == (409, "illegal-transition")
    assert rui("POST", f"{path}/start").json()["state"] == "in_progress"
    assert problem(rui("POST", f"{path}/start")) == (409, "illegal-transition")
    assert problem(rui("POST", f"{path}/finish")) == (409, "codes-missing")
    collect(rui, [donation])
    for step in ("start", "finish"):
        assert problem(rui("POST", f"{path}/{step}")) == (409, "illegal-transition")
    assert problem(rui("POST", f"{path}/fail", json={"reason": "Too late"})) == (409, "illegal-transition")
    assert len(moves(admin, "collecting")) == 4


def test_each_step_is_in_the_trail_with_what_was_before_and_after(admin: Harness, eva: Ask) -> None:
    move_return(admin, new_id("rdo"), new_id("dor"))
    work_order = the_own(eva, "packing")
    path, [order] = f"/admin/v1/own-packing-orders/{work_order['id']}", work_order["orders"]
    eva("POST", f"{path}/start")
    package = pack(eva, order["order_id"])
    scan(eva, package["tracking_code"])
    eva("POST", f"{path}/finish")
    trail = admin.published("admin.audit.recorded.v1")
    assert [(entry["action"], entry["target"], entry["before"], entry["after"]) for entry in trail] == [
        ("start_work_order", work_order["id"], {"state": "assigned"}, {"state": "in_progress"}),
        ("create_package", package["id"], None, {"order_id": order["order_id"]}),
        ("scan_tracking_code", work_order["id"], None, {"order_id": order["order_id"]}),
        ("finish_work_order", work_order["id"], {"state": "in_progress"}, {"state": "done"}),
    ]


def test_a_failure_has_a_reason_and_a_manager_gives_the_work_to_somebody_else(
    admin: Harness, rui: Ask, manager: Ask, donation: str
) -> None:
    fill(admin, donation)
    work_order = the_own(rui, "collecting")
    path = f"/admin/v1/collecting-orders/{work_order['id']}/fail"
    for nothing in ({}, {"reason": ""}, {"reason": "  "}):
        assert rui("POST", path, json=nothing).status_code == 400
    failed = rui("POST", path, json={"reason": "The van broke down"}).json()
    assert (failed["state"], failed["reason"]) == ("failed", "The van broke down")
    [told] = moves(admin, "collecting", "failed")
    assert told["reason"] == "The van broke down"
    zoe = hire(admin, "zoe", "deliveryman")
    assert own(zoe, "collecting") == [], "a manager decides"
    [seen] = manager("GET", "/admin/v1/work-orders", params={"state": "failed"}).json()["items"]
    assign(manager, seen["id"], "zoe")
    assert own(rui, "collecting") == []
    assert the_own(zoe, "collecting")["state"] == "assigned"
    collect(zoe, [donation])
    assert the_own(zoe, "collecting")["state"] == "done"


def assign(manager: Ask, work_order_id: str, name: str | None) -> Any:
    body = {"assignee_id": user_id(name) if name else None}
    return manager("PUT", f"/admin/v1/work-orders/{work_order_id}/assignee", json=body)


def test_a_reassigned_order_is_scanned_anew_by_its_new_assignee(
    admin: Harness, rui: Ask, manager: Ask, donation: str
) -> None:
    zoe = hire(admin, "zoe", "deliveryman")
    other = new_id("dor")
    fill(admin, donation, other, deliveryman="rui")
    [package] = collect(rui, [donation])
    work_order = the_own(rui, "collecting")
    answer = assign(manager, work_order["id"], "zoe")
    assert (answer.status_code, answer.json()["assignee_id"], answer.json()["state"]) == (
        200,
        user_id("zoe"),
        "assigned",
    )
    [*_, told] = moves(admin, "collecting")
    assert (told["previous_state"], told["state"], told["assignee_id"]) == (
        "in_progress",
        "assigned",
        user_id("zoe"),
    )
    assert problem(scan(rui, package["tracking_code"])) == (403, "not-assigned-to-you")
    assert rui("GET", f"/admin/v1/collecting-orders/{work_order['id']}").status_code == 404
    collect(zoe, [donation, other])
    assert pack_of(zoe, donation) is None
    audits = [entry["action"] for entry in admin.published("admin.audit.recorded.v1")]
    assert audits.count("assign_work_order") == 1


def pack_of(ask: Ask, order_id: str) -> str | None:
    """The tracking code that one may still ask for; None when the order is no longer one's to collect."""
    answer = ask("POST", "/admin/v1/packages", json={"order_id": order_id}, key=uuid.uuid4().hex)
    return answer.json()["tracking_code"] if answer.status_code == 201 else None


def test_work_is_given_only_to_those_who_do_it(
    admin: Harness, rui: Ask, eva: Ask, manager: Ask, donation: str
) -> None:
    fill(admin, donation)
    hire(admin, "new", "deliveryman", "invited")
    work_order = the_own(rui, "collecting")
    for name in ("eva", "new", "nobody"):
        assert problem(assign(manager, work_order["id"], name)) == (422, "cannot-do-that-work")
    assert problem(assign(manager, work_order["id"], "rui")) == (409, "illegal-transition")
    assert assign(manager, new_id("wor"), "rui").status_code == 404
    collect(rui, [donation])
    assert problem(assign(manager, work_order["id"], None)) == (409, "illegal-transition")
    assert problem(assign(manager, work_order["id"], "rui")) == (409, "illegal-transition")
    assert the_own(rui, "collecting")["state"] == "done"


def test_it_goes_to_the_deliveryman_of_the_location_else_of_the_area_else_to_who_has_least(
    admin: Harness, rui: Ask, manager: Ask
) -> None:
    zoe, max_ = hire(admin, "zoe", "deliveryman"), hire(admin, "max", "deliveryman")
    put_work(manager, "max", ["Centro"])
    for _ in range(3):
        fill(admin, new_id("dor"), area="Centro", deliveryman="rui")
    assert [len(own(ask, "collecting")) for ask in (rui, zoe, max_)] == [3, 0, 0]
    for _ in range(2):
        fill(admin, new_id("dor"), area="centro", deliveryman="gone")
    assert [len(own(ask, "collecting")) for ask in (rui, zoe, max_)] == [3, 0, 2]
    for _ in range(3):
        fill(admin, new_id("dor"), area="Alfama")
    assert [len(own(ask, "collecting")) for ask in (rui, zoe, max_)] in ([3, 3, 2], [3, 2, 3])


def put_work(manager: Ask, name: str, areas: list[str], kinds: list[str] | None = None) -> dict[str, Any]:
    path = f"/admin/v1/employees/{user_id(name)}/work"
    answer = manager("PUT", path, json={"areas": areas, "kinds": kinds})
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def test_a_return_is_shipped_by_the_deliveryman_of_its_location(admin: Harness, rui: Ask, eva: Ask) -> None:
    zoe = hire(admin, "zoe", "deliveryman")
    donation, return_id = new_id("dor"), new_id("rdo")
    fill(admin, new_id("dor"), deliveryman="zoe")
    fill(admin, new_id("dor"), deliveryman="zoe")
    move_return(admin, return_id, donation)
    scan(eva, pack(eva, return_id)["tracking_code"])
    eva("POST", f"/admin/v1/own-packing-orders/{the_own(eva, 'packing')['id']}/finish")
    assert the_own(zoe, "shipping")["orders"][0]["order_id"] == return_id
    assert own(rui, "shipping") == []


def test_with_nobody_there_it_stays_open_until_somebody_is(admin: Harness, manager: Ask, donation: str) -> None:
    fill(admin, donation)
    [waiting] = manager("GET", "/admin/v1/work-orders").json()["items"]
    assert (waiting["state"], waiting["assignee_id"]) == ("open", None)
    run_job(admin, "assign_open_work_orders")
    hire(admin, "eva", "employee")
    hire(admin, "rui", "deliveryman", "invited")
    assert manager("GET", f"/admin/v1/work-orders/{waiting['id']}").json()["state"] == "open"
    rui = hire(admin, "rui", "deliveryman")
    assert the_own(rui, "collecting")["id"] == waiting["id"]


def run_job(admin: Harness, name: str) -> None:
    [job] = [job for job in admin.service.events.jobs if job.name == name]
    with db.unit_of_work():
        job.run()


def test_the_work_of_somebody_who_leaves_goes_to_somebody_else(admin: Harness, rui: Ask, donation: str) -> None:
    fill(admin, donation)
    zoe = hire(admin, "zoe", "deliveryman")
    hire(admin, "rui", "deliveryman", "removed")
    assert own(rui, "collecting") == []
    assert the_own(zoe, "collecting")["state"] == "assigned"
    hire(admin, "zoe", "deliveryman", "removed")
    assert own(zoe, "collecting") == []
    assert states(moves(admin, "collecting"))[-1] == ("assigned", "open")


def test_a_manager_sets_areas_and_kinds_of_work(admin: Harness, rui: Ask, manager: Ask, donation: str) -> None:
    fill(admin, donation)
    [listed] = manager("GET", "/admin/v1/employees").json()["items"]
    assert (listed["full_name"], listed["kinds"], listed["active_work_orders"]) == (
        "Rui",
        ["collecting", "shipping"],
        1,
    )
    changed = put_work(manager, "rui", ["Centro"], ["shipping"])
    assert (changed["areas"], changed["kinds"], changed["are_kinds_by_role"]) == (["Centro"], ["shipping"], False)
    assert own(rui, "collecting") == [], "it waits for somebody else"
    back = put_work(manager, "rui", [])
    assert (back["kinds"], back["are_kinds_by_role"], back["active_work_orders"]) == (
        ["collecting", "shipping"],
        True,
        1,
    )
    assert the_own(rui, "collecting")["state"] == "assigned"
    path = f"/admin/v1/employees/{user_id('nobody')}"
    assert manager("GET", path).status_code == 404
    assert manager("PUT", f"{path}/work", json={"areas": [], "kinds": None}).status_code == 404
    assert manager("GET", "/admin/v1/employees", params={"state": "removed"}).json()["items"] == []


def test_what_auth_said_earlier_changes_nothing_later(admin: Harness, manager: Ask) -> None:
    hire(admin, "rui", "deliveryman")
    document = {
        "id": f"evt_{uuid.uuid4().hex}",
        "type": "auth.staff.changed.v1",
        "source": "/test",
        "subject": "test",
        "time": "2020-01-01T00:00:00.000000Z",
        "data": {"user_id": user_id("rui"), "full_name": "Old", "roles": [], "state": "invited"},
    }
    inbox.dispatch(admin.service.events, document)
    employee = manager("GET", f"/admin/v1/employees/{user_id('rui')}").json()
    assert (employee["full_name"], employee["state"]) == ("Rui", "active")


def test_a_cancelled_donation_leaves_the_collecting_order(admin: Harness, rui: Ask, donation: str) -> None:
    other = new_id("dor")
    fill(admin, donation, other)
    for state, previous in (("cancelling", "deposited"), ("cancelled", "cancelling")):
        move_donation(admin, donation, state, previous)
    dropped = {order["order_id"]: order["removed_at"] for order in the_own(rui, "collecting")["orders"]}
    assert dropped[donation] is not None
    assert dropped[other] is None
    refused = rui("POST", "/admin/v1/packages", json={"order_id": donation}, key=uuid.uuid4().hex)
    assert refused.status_code == 404
    collect(rui, [other])
    [told] = moves(admin, "collecting", "done")
    assert [order["order_id"] for order in told["orders"]] == [other]


def test_the_last_one_that_is_missing_is_cancelled_and_the_rest_is_collected(
    admin: Harness, rui: Ask, donation: str
) -> None:
    other = new_id("dor")
    fill(admin, donation, other)
    collect(rui, [other])
    move_donation(admin, donation, "cancelling", "deposited")
    assert the_own(rui, "collecting")["state"] == "done"


def test_a_collecting_order_of_cancelled_donations_alone_fails_for_good(
    admin: Harness, rui: Ask, manager: Ask, donation: str
) -> None:
    fill(admin, donation)
    code = pack(rui, donation)["tracking_code"]
    move_donation(admin, donation, "cancelling", "deposited")
    work_order = the_own(rui, "collecting")
    assert (work_order["state"], work_order["reason"]) == ("failed", "the donation was cancelled")
    assert problem(scan(rui, code)) == (409, "nothing-to-scan-for")
    assert problem(assign(manager, work_order["id"], "rui")) == (409, "illegal-transition")


def test_what_was_taken_out_already_stays_in_the_collection(admin: Harness, rui: Ask, donation: str) -> None:
    other = new_id("dor")
    fill(admin, donation, other)
    collect(rui, [donation])
    move_donation(admin, donation, "cancelling", "deposited")
    collect(rui, [other])
    [told] = moves(admin, "collecting", "done")
    assert [order["order_id"] for order in told["orders"]] == [donation, other]


@pytest.mark.parametrize("is_first_told_of_the_door", [True, False])
def test_a_box_that_was_emptied_is_collected_although_its_donor_cancels(
    admin: Harness, rui: Ask, donation: str, is_first_told_of_the_door: bool
) -> None:
    with pytest.raises(LookupError):
        use_door(admin, donation, "collect", is_occupied=False)
    other = new_id("dor")
    fill(admin, donation, other)
    if is_first_told_of_the_door:
        use_door(admin, donation, "collect", is_occupied=False)
    move_donation(admin, donation, "cancelling", "deposited")
    use_door(admin, donation, "collect", is_occupied=False)
    collect(rui, [donation, other])
    [told] = moves(admin, "collecting", "done")
    assert [order["order_id"] for order in told["orders"]] == [donation, other]


def test_an_emptied_box_brings_its_work_order_back(admin: Harness, rui: Ask, donation: str) -> None:
    fill(admin, donation)
    move_donation(admin, donation, "cancelling", "deposited")
    assert the_own(rui, "collecting")["state"] == "failed"
    use_door(admin, donation, "collect", is_occupied=False)
    collect(rui, [donation])
    assert the_own(rui, "collecting")["state"] == "done"


def test_a_cancellation_that_comes_before_the_threshold_is_heeded(admin: Harness, rui: Ask, donation: str) -> None:
    other = new_id("dor")
    move_donation(admin, donation, "cancelling", "deposited")
    fill(admin, donation)
    assert own(rui, "collecting") == []
    fill(admin, donation, other)
    assert [order["order_id"] for order in the_own(rui, "collecting")["orders"]] == [other]
    fill(admin, other)
    assert len(own(rui, "collecting")) == 1


def test_a_donation_on_its_way_back_is_not_checked_unless_its_return_is_cancelled(
    admin: Harness, rui: Ask, eva: Ask, donation: str
) -> None:
    fill(admin, donation)
    [package] = collect(rui, [donation])
    move_donation(admin, donation, "returning", "collected")
    assert the_own(eva, "checking")["state"] == "failed"
    assert problem(scan(eva, package["tracking_code"])) == (409, "nothing-to-scan-for")
    move_donation(admin, donation, "collected", "returning")
    check(eva, package, "good")
    assert the_own(eva, "checking")["state"] == "done"


def test_a_cancelled_return_is_neither_packed_nor_shipped(admin: Harness, eva: Ask, donation: str) -> None:
    first, second = new_id("rdo"), new_id("rdo")
    move_return(admin, first, donation)
    move_return(admin, first, donation, "cancelled")
    assert the_own(eva, "packing")["state"] == "failed"
    move_return(admin, second, donation, "cancelled")
    move_return(admin, second, donation)
    assert len(own(eva, "packing")) == 1


def test_a_manager_finds_work_orders(admin: Harness, rui: Ask, eva: Ask, manager: Ask, donation: str) -> None:
    fill(admin, donation)
    collect(rui, [donation])
    fill(admin, new_id("dor"))

    def found(**query: str) -> list[tuple[str, str]]:
        items = manager("GET", "/admin/v1/work-orders", params=query).json()["items"]
        return [(item["kind"], item["state"]) for item in items]

    assert found() == [("collecting", "assigned"), ("checking", "assigned"), ("collecting", "done")]
    assert found(kind="checking") == [("checking", "assigned")]
    assert found(order_id=donation) == [("checking", "assigned"), ("collecting", "done")]
    assert found(assignee_id=user_id("eva")) == [("checking", "assigned")]
    assert found(state="done", kind="collecting") == [("collecting", "done")]
    page = manager("GET", "/admin/v1/work-orders", params={"limit": 2}).json()
    rest = manager("GET", "/admin/v1/work-orders", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)


def test_own_work_orders_are_filtered_by_state(admin: Harness, rui: Ask, donation: str) -> None:
    fill(admin, donation)
    collect(rui, [donation])
    fill(admin, new_id("dor"))
    assert [item["state"] for item in own(rui, "collecting")] == ["assigned", "done"]
    assert [item["state"] for item in own(rui, "collecting", "done")] == ["done"]
