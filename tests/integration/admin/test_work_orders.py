"""Carry work orders out: collect, check, pack and ship."""

from __future__ import annotations

import uuid

import pytest

from tests.integration.admin.support import (
    Send,
    change_donation_return_state,
    collect,
    create_package,
    get_own,
    hire,
    list_own,
    new_id,
    problem_of,
    reach_threshold,
    record_check,
    scan,
    state_changes,
    transitions,
    use_door,
)
from tests.support.harness import Harness, user_id


def test_a_location_at_its_threshold_gets_a_collecting_order_that_scans_finish(admin: Harness, rui: Send) -> None:
    orders = [new_id("dor"), new_id("dor")]
    reach_threshold(admin, *orders)
    work_order = get_own(rui, "collecting")
    assert (work_order["state"], work_order["location_name"]) == ("assigned", "Rossio")
    assert [order["order_id"] for order in work_order["orders"]] == orders
    packages = [create_package(rui, order_id) for order_id in orders]
    first = scan(rui, packages[0]["tracking_code"]).json()
    assert (first["id"], first["state"]) == (work_order["id"], "in_progress")
    last = scan(rui, packages[1]["tracking_code"].lower()).json()
    assert last["state"] == "done"
    changes = state_changes(admin, "collecting")
    assert transitions(changes) == [
        (None, "open"),
        ("open", "assigned"),
        ("assigned", "in_progress"),
        ("in_progress", "done"),
    ]
    assert changes[1]["assignee_id"] == user_id("rui")
    assert all(order["box_id"].startswith("box_") for order in changes[1]["orders"])
    codes = [order["tracking_code"] for order in changes[-1]["orders"]]
    assert codes == [package["tracking_code"] for package in packages]


def test_each_collected_package_gets_a_checking_order_by_load(admin: Harness, rui: Send, eva: Send) -> None:
    ana = hire(admin, "ana", "employee")
    orders = [new_id("dor") for _ in range(4)]
    reach_threshold(admin, *orders)
    collect(rui, orders)
    assert [len(list_own(send, "checking", "assigned")) for send in (eva, ana)] == [2, 2]
    changes = state_changes(admin, "checking", "assigned")
    assert {change["orders"][0]["order_id"] for change in changes} == set(orders)


@pytest.mark.parametrize("result", ["good", "bad"])
def test_a_check_is_recorded_with_notes_and_photos(
    admin: Harness, rui: Send, eva: Send, donation: str, result: str
) -> None:
    reach_threshold(admin, donation)
    [package] = collect(rui, [donation])
    work_order = get_own(eva, "checking")
    path = f"/admin/v1/checking-orders/{work_order['id']}/result"
    body = {"result": result, "notes": "Torn sleeve", "photo_ids": []}
    assert problem_of(eva("POST", path, json=body)) == (409, "illegal-transition")
    assert scan(eva, package["tracking_code"]).json()["state"] == "in_progress"
    done = eva("POST", path, json=body).json()
    assert (done["state"], done["result"], done["notes"]) == ("done", result, "Torn sleeve")
    assert done["photos"] == []
    [event] = state_changes(admin, "checking", "done")
    assert (event["result"], event["orders"][0]["order_id"]) == (result, donation)
    assert problem_of(eva("POST", path, json=body)) == (409, "illegal-transition")


def test_a_check_without_a_scan_is_rejected_and_not_recorded(
    admin: Harness, rui: Send, eva: Send, donation: str
) -> None:
    reach_threshold(admin, donation)
    collect(rui, [donation])
    path = f"/admin/v1/checking-orders/{get_own(eva, 'checking')['id']}"
    assert eva("POST", f"{path}/start").json()["state"] == "in_progress"
    assert problem_of(eva("POST", f"{path}/result", json={"result": "bad"})) == (409, "codes-missing")
    assert get_own(eva, "checking")["result"] is None
    assert eva("GET", "/admin/v1/bad-packages").json()["items"] == []


def test_a_paid_donation_return_is_packed_then_shipped(admin: Harness, rui: Send, eva: Send, donation: str) -> None:
    return_id = new_id("rdo")
    for _ in range(2):
        change_donation_return_state(admin, return_id, donation)
    packing = get_own(eva, "packing")
    [order] = packing["orders"]
    assert (order["order_id"], order["donation_id"]) == (return_id, donation)
    path = f"/admin/v1/own-packing-orders/{packing['id']}/finish"
    package = create_package(eva, return_id)
    assert problem_of(eva("POST", path)) == (409, "illegal-transition")
    scan(eva, package["tracking_code"])
    assert eva("POST", path).json()["state"] == "done"
    shipping = get_own(rui, "shipping")
    assert (shipping["state"], shipping["orders"][0]["tracking_code"]) == ("assigned", package["tracking_code"])
    assert scan(rui, package["tracking_code"]).json()["state"] == "in_progress"
    response = rui("POST", f"/admin/v1/shipping-orders/{shipping['id']}/finish")
    assert response.json()["state"] == "done"
    [event] = state_changes(admin, "shipping", "assigned")
    assert (event["location_name"], event["orders"][0]["order_id"]) == ("Rossio", return_id)


@pytest.mark.parametrize("is_scanned", [True, False])
def test_closing_the_door_finishes_the_shipping_order(
    admin: Harness, rui: Send, eva: Send, donation: str, is_scanned: bool
) -> None:
    return_id = new_id("rdo")
    with pytest.raises(LookupError):
        use_door(admin, return_id)
    change_donation_return_state(admin, return_id, donation)
    package = create_package(eva, return_id)
    scan(eva, package["tracking_code"])
    eva("POST", f"/admin/v1/own-packing-orders/{get_own(eva, 'packing')['id']}/finish")
    if is_scanned:
        scan(rui, package["tracking_code"])
    use_door(admin, return_id, "pick_up")
    use_door(admin, return_id, is_occupied=False)
    assert get_own(rui, "shipping")["state"] != "done"
    for _ in range(2):
        use_door(admin, return_id)
    assert get_own(rui, "shipping")["state"] == "done"
    assert transitions(state_changes(admin, "shipping"))[-2:] == [
        ("assigned", "in_progress"),
        ("in_progress", "done"),
    ]


def test_a_paid_buying_order_is_packed_then_shipped(admin: Harness, rui: Send, eva: Send) -> None:
    order_id, location = new_id("bor"), new_id("loc")
    data = {
        "order_id": order_id,
        "buyer_id": user_id("bruno"),
        "items": [{"product_id": new_id("prd"), "title": "Coat", "price": {"amount": 1, "currency": "EUR"}}],
        "total": {"amount": 1, "currency": "EUR"},
        "pickup_location_id": location,
        "pickup_location_name": "Rossio",
        "payment_id": new_id("pay"),
        "paid_at": "2026-01-02T03:04:05.000000Z",
    }
    admin.deliver("customer.buying_order.paid.v1", data)
    work_order = get_own(eva, "packing")
    assert work_order["orders"][0]["contents"][0]["title"] == "Coat"
    package = create_package(eva, order_id)
    scan(eva, package["tracking_code"])
    [packing_order] = eva("GET", "/admin/v1/packing-orders").json()["items"]
    assert packing_order["id"] == "pko_" + work_order["id"].removeprefix("wor_")
    assert (packing_order["state"], packing_order["tracking_code"]) == ("in_progress", package["tracking_code"])
    eva("POST", f"/admin/v1/own-packing-orders/{work_order['id']}/finish")
    assert get_own(rui, "shipping")["location_id"] == location


def test_a_donation_return_is_not_among_the_packing_orders_of_buying_orders(admin: Harness, eva: Send) -> None:
    change_donation_return_state(admin, new_id("rdo"), new_id("dor"))
    digits = get_own(eva, "packing")["id"].removeprefix("wor_")
    assert eva("GET", "/admin/v1/packing-orders").json()["items"] == []
    assert eva("GET", f"/admin/v1/packing-orders/pko_{digits}").status_code == 404


def test_mistyped_and_unknown_codes_are_rejected_with_the_reason(rui: Send) -> None:
    mistyped = scan(rui, "RC407139625800")
    others = [scan(rui, f"RC40713962580{digit}") for digit in range(1, 10)]
    problems = [problem_of(response) for response in (mistyped, *others)]
    assert sorted(problems) == [(404, "unknown-code"), *[(422, "mistyped-code")] * 9]
    assert problem_of(scan(rui, "my parcel")) == (422, "mistyped-code")


def test_a_code_is_not_scanned_twice_or_after_the_end_of_the_work(
    admin: Harness, rui: Send, eva: Send, donation: str
) -> None:
    other = new_id("dor")
    reach_threshold(admin, donation, other)
    code = create_package(rui, donation)["tracking_code"]
    assert scan(rui, code).status_code == 200
    again = scan(rui, code)
    assert problem_of(again) == (409, "already-scanned")
    assert "next package" in again.json()["detail"]
    collect(rui, [other])
    record_check(eva, {"tracking_code": code}, "good")
    assert problem_of(scan(eva, code)) == (409, "nothing-to-scan-for")


def test_a_scan_by_another_person_is_rejected_and_changes_nothing(
    admin: Harness, rui: Send, eva: Send, donation: str
) -> None:
    reach_threshold(admin, donation)
    zoe = hire(admin, "zoe", "deliveryman")
    code = create_package(rui, donation)["tracking_code"]
    for other_person in (zoe, eva):
        response = scan(other_person, code)
        assert problem_of(response) == (403, "not-assigned-to-you")
        assert "Rui" not in response.text
    assert get_own(rui, "collecting")["state"] == "assigned"
    collect(rui, [donation])
    assert problem_of(scan(rui, code)) == (403, "not-assigned-to-you"), "it is being checked now"


def test_work_orders_of_others_are_not_found(admin: Harness, rui: Send, eva: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    zoe = hire(admin, "zoe", "deliveryman")
    work_order = get_own(rui, "collecting")
    package = create_package(rui, donation)
    path = f"/admin/v1/collecting-orders/{work_order['id']}"
    assert rui("GET", path).json()["id"] == work_order["id"]
    assert list_own(zoe, "collecting") == []
    for method, url, body in (
        ("GET", path, None),
        ("POST", f"{path}/start", None),
        ("POST", f"{path}/finish", None),
        ("POST", f"{path}/fail", {"reason": "Because"}),
        ("GET", f"/admin/v1/packages/{package['id']}", None),
        ("GET", f"/admin/v1/packages/{package['id']}/label.pdf", None),
        ("GET", f"/admin/v1/packages/{package['id']}/label.png", None),
    ):
        assert zoe(method, url, **({"json": body} if body else {})).status_code == 404, url
    response = zoe("POST", "/admin/v1/packages", json={"order_id": donation}, key=uuid.uuid4().hex)
    assert response.status_code == 404
    # The path of another kind does not find it either.
    assert rui("GET", f"/admin/v1/shipping-orders/{work_order['id']}").status_code == 404


def test_scopes_keep_kinds_of_work_apart(admin: Harness, rui: Send, eva: Send) -> None:
    for path in ("checking-orders", "own-packing-orders", "work-orders", "employees", "factories", "bad-packages"):
        assert rui("GET", f"/admin/v1/{path}").status_code == 403, path
    for path in ("collecting-orders", "shipping-orders", "work-orders", "employees"):
        assert eva("GET", f"/admin/v1/{path}").status_code == 403, path
    donor = admin.as_user("ines", "customer:donating-orders")
    assert donor("POST", "/admin/v1/scans", json={"tracking_code": "RC1"}).status_code == 403


def test_illegal_transitions_are_rejected(admin: Harness, rui: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    path = f"/admin/v1/collecting-orders/{get_own(rui, 'collecting')['id']}"
    assert problem_of(rui("POST", f"{path}/finish")) == (409, "illegal-transition")
    assert rui("POST", f"{path}/start").json()["state"] == "in_progress"
    assert problem_of(rui("POST", f"{path}/start")) == (409, "illegal-transition")
    assert problem_of(rui("POST", f"{path}/finish")) == (409, "codes-missing")
    collect(rui, [donation])
    for step in ("start", "finish"):
        assert problem_of(rui("POST", f"{path}/{step}")) == (409, "illegal-transition")
    assert problem_of(rui("POST", f"{path}/fail", json={"reason": "No key"})) == (409, "illegal-transition")
    assert len(state_changes(admin, "collecting")) == 4


def test_each_transition_is_in_the_audit_trail_with_both_states(admin: Harness, eva: Send) -> None:
    change_donation_return_state(admin, new_id("rdo"), new_id("dor"))
    work_order = get_own(eva, "packing")
    path, [order] = f"/admin/v1/own-packing-orders/{work_order['id']}", work_order["orders"]
    eva("POST", f"{path}/start")
    package = create_package(eva, order["order_id"])
    scan(eva, package["tracking_code"])
    eva("POST", f"{path}/finish")
    trail = admin.published("admin.audit.recorded.v1")
    assert [(entry["action"], entry["target"], entry["before"], entry["after"]) for entry in trail] == [
        ("start_work_order", work_order["id"], {"state": "assigned"}, {"state": "in_progress"}),
        ("create_package", package["id"], None, {"order_id": order["order_id"]}),
        ("scan_tracking_code", work_order["id"], None, {"order_id": order["order_id"]}),
        ("finish_work_order", work_order["id"], {"state": "in_progress"}, {"state": "done"}),
    ]


def test_a_manager_filters_work_orders(admin: Harness, rui: Send, eva: Send, manager: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    collect(rui, [donation])
    reach_threshold(admin, new_id("dor"))

    def filtered(**query: str) -> list[tuple[str, str]]:
        items = manager("GET", "/admin/v1/work-orders", params=query).json()["items"]
        return [(item["kind"], item["state"]) for item in items]

    assert filtered() == [("collecting", "assigned"), ("checking", "assigned"), ("collecting", "done")]
    assert filtered(kind="checking") == [("checking", "assigned")]
    assert filtered(order_id=donation) == [("checking", "assigned"), ("collecting", "done")]
    assert filtered(assignee_id=user_id("eva")) == [("checking", "assigned")]
    assert filtered(state="done", kind="collecting") == [("collecting", "done")]
    page = manager("GET", "/admin/v1/work-orders", params={"limit": 2}).json()
    rest = manager("GET", "/admin/v1/work-orders", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)


def test_own_work_orders_are_filtered_by_state(admin: Harness, rui: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    collect(rui, [donation])
    reach_threshold(admin, new_id("dor"))
    assert [item["state"] for item in list_own(rui, "collecting")] == ["assigned", "done"]
    assert [item["state"] for item in list_own(rui, "collecting", "done")] == ["done"]
