"""Assign work orders to employees."""

from __future__ import annotations

import uuid
from typing import Any

from libs.chassis import db, inbox
from tests.integration.admin.support import (
    Send,
    assign,
    change_donation_return_state,
    collect,
    create_package,
    get_own,
    hire,
    list_own,
    new_id,
    problem_of,
    reach_threshold,
    scan,
    state_changes,
    transitions,
)
from tests.support.harness import Harness, user_id


def test_a_failed_work_order_has_a_reason_and_is_reassigned_by_a_manager(
    admin: Harness, rui: Send, manager: Send, donation: str
) -> None:
    reach_threshold(admin, donation)
    work_order = get_own(rui, "collecting")
    path = f"/admin/v1/collecting-orders/{work_order['id']}/fail"
    for body in ({}, {"reason": ""}, {"reason": "  "}):
        assert rui("POST", path, json=body).status_code == 400
    failed = rui("POST", path, json={"reason": "The van broke down"}).json()
    assert (failed["state"], failed["reason"]) == ("failed", "The van broke down")
    [event] = state_changes(admin, "collecting", "failed")
    assert event["reason"] == "The van broke down"
    zoe = hire(admin, "zoe", "deliveryman")
    assert list_own(zoe, "collecting") == [], "a manager decides"
    [work_order] = manager("GET", "/admin/v1/work-orders", params={"state": "failed"}).json()["items"]
    assign(manager, work_order["id"], "zoe")
    assert list_own(rui, "collecting") == []
    assert get_own(zoe, "collecting")["state"] == "assigned"
    collect(zoe, [donation])
    assert get_own(zoe, "collecting")["state"] == "done"


def test_the_new_assignee_scans_every_code_again(admin: Harness, rui: Send, manager: Send, donation: str) -> None:
    zoe = hire(admin, "zoe", "deliveryman")
    other = new_id("dor")
    reach_threshold(admin, donation, other, deliveryman="rui")
    [package] = collect(rui, [donation])
    work_order = get_own(rui, "collecting")
    response = assign(manager, work_order["id"], "zoe")
    assert (response.status_code, response.json()["assignee_id"], response.json()["state"]) == (
        200,
        user_id("zoe"),
        "assigned",
    )
    [*_, change] = state_changes(admin, "collecting")
    assert (change["previous_state"], change["state"], change["assignee_id"]) == (
        "in_progress",
        "assigned",
        user_id("zoe"),
    )
    assert problem_of(scan(rui, package["tracking_code"])) == (403, "not-assigned-to-you")
    assert rui("GET", f"/admin/v1/collecting-orders/{work_order['id']}").status_code == 404
    collect(zoe, [donation, other])
    assert zoe("POST", "/admin/v1/packages", json={"order_id": donation}, key=new_id("key")).status_code == 404
    audits = [entry["action"] for entry in admin.published("admin.audit.recorded.v1")]
    assert audits.count("assign_work_order") == 1


def test_work_is_assigned_only_to_active_employees_who_do_it(
    admin: Harness, rui: Send, eva: Send, manager: Send, donation: str
) -> None:
    reach_threshold(admin, donation)
    hire(admin, "new", "deliveryman", "invited")
    work_order = get_own(rui, "collecting")
    for name in ("eva", "new", "nobody"):
        assert problem_of(assign(manager, work_order["id"], name)) == (422, "cannot-do-that-work")
    assert problem_of(assign(manager, work_order["id"], "rui")) == (409, "illegal-transition")
    assert assign(manager, new_id("wor"), "rui").status_code == 404
    collect(rui, [donation])
    assert problem_of(assign(manager, work_order["id"], None)) == (409, "illegal-transition")
    assert problem_of(assign(manager, work_order["id"], "rui")) == (409, "illegal-transition")
    assert get_own(rui, "collecting")["state"] == "done"


def test_the_assignee_depends_on_location_then_area_then_load(admin: Harness, rui: Send, manager: Send) -> None:
    zoe, max_ = hire(admin, "zoe", "deliveryman"), hire(admin, "max", "deliveryman")
    put_work(manager, "max", ["Centro"])
    for _ in range(3):
        reach_threshold(admin, new_id("dor"), area="Centro", deliveryman="rui")
    assert [len(list_own(send, "collecting")) for send in (rui, zoe, max_)] == [3, 0, 0]
    for _ in range(2):
        reach_threshold(admin, new_id("dor"), area="centro", deliveryman="gone")
    assert [len(list_own(send, "collecting")) for send in (rui, zoe, max_)] == [3, 0, 2]
    for _ in range(3):
        reach_threshold(admin, new_id("dor"), area="Alfama")
    assert [len(list_own(send, "collecting")) for send in (rui, zoe, max_)] in ([3, 3, 2], [3, 2, 3])


def put_work(manager: Send, name: str, areas: list[str], kinds: list[str] | None = None) -> dict[str, Any]:
    path = f"/admin/v1/employees/{user_id(name)}/work"
    response = manager("PUT", path, json={"areas": areas, "kinds": kinds})
    assert response.status_code == 200, response.text
    employee: dict[str, Any] = response.json()
    return employee


def test_a_donation_return_is_shipped_by_the_deliveryman_of_its_location(
    admin: Harness, rui: Send, eva: Send
) -> None:
    zoe = hire(admin, "zoe", "deliveryman")
    donation, return_id = new_id("dor"), new_id("rdo")
    reach_threshold(admin, new_id("dor"), deliveryman="zoe")
    reach_threshold(admin, new_id("dor"), deliveryman="zoe")
    change_donation_return_state(admin, return_id, donation)
    scan(eva, create_package(eva, return_id)["tracking_code"])
    eva("POST", f"/admin/v1/own-packing-orders/{get_own(eva, 'packing')['id']}/finish")
    assert get_own(zoe, "shipping")["orders"][0]["order_id"] == return_id
    assert list_own(rui, "shipping") == []


def test_a_work_order_stays_open_until_an_employee_can_do_it(admin: Harness, manager: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    [work_order] = manager("GET", "/admin/v1/work-orders").json()["items"]
    assert (work_order["state"], work_order["assignee_id"]) == ("open", None)
    run_job(admin, "assign_open_work_orders")
    hire(admin, "eva", "employee")
    hire(admin, "rui", "deliveryman", "invited")
    assert manager("GET", f"/admin/v1/work-orders/{work_order['id']}").json()["state"] == "open"
    rui = hire(admin, "rui", "deliveryman")
    assert get_own(rui, "collecting")["id"] == work_order["id"]


def run_job(admin: Harness, name: str) -> None:
    [job] = [job for job in admin.service.events.jobs if job.name == name]
    with db.unit_of_work():
        job.run()


def test_the_work_of_a_removed_employee_is_reassigned(admin: Harness, rui: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    zoe = hire(admin, "zoe", "deliveryman")
    hire(admin, "rui", "deliveryman", "removed")
    assert list_own(rui, "collecting") == []
    assert get_own(zoe, "collecting")["state"] == "assigned"
    hire(admin, "zoe", "deliveryman", "removed")
    assert list_own(zoe, "collecting") == []
    assert transitions(state_changes(admin, "collecting"))[-1] == ("assigned", "open")


def test_a_manager_sets_areas_and_kinds_of_work(admin: Harness, rui: Send, manager: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    [listed] = manager("GET", "/admin/v1/employees").json()["items"]
    assert (listed["full_name"], listed["kinds"], listed["active_work_orders"]) == (
        "Rui",
        ["collecting", "shipping"],
        1,
    )
    changed = put_work(manager, "rui", ["Centro"], ["shipping"])
    assert (changed["areas"], changed["kinds"], changed["are_kinds_by_role"]) == (["Centro"], ["shipping"], False)
    assert list_own(rui, "collecting") == [], "it is open until somebody can do it"
    reset = put_work(manager, "rui", [])
    assert (reset["kinds"], reset["are_kinds_by_role"], reset["active_work_orders"]) == (
        ["collecting", "shipping"],
        True,
        1,
    )
    assert get_own(rui, "collecting")["state"] == "assigned"
    path = f"/admin/v1/employees/{user_id('nobody')}"
    assert manager("GET", path).status_code == 404
    assert manager("PUT", f"{path}/work", json={"areas": [], "kinds": None}).status_code == 404
    assert manager("GET", "/admin/v1/employees", params={"state": "removed"}).json()["items"] == []


def test_an_older_event_about_an_employee_changes_nothing(admin: Harness, manager: Send) -> None:
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
