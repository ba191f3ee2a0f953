"""Returns of buying orders: their checks, and what is agreed with their buyers (stories rb-r-*)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from libs.chassis import clock
from tests.integration.admin.support import (
    COAT,
    CONTACTS,
    HAT,
    TWO_PRODUCTS,
    Send,
    build_contact,
    change_return_state,
    check_return,
    collect,
    get_own,
    hand_over,
    new_id,
    problem_of,
    reach_threshold,
    scan,
    state_changes,
)
from tests.support.harness import Harness, user_id


@pytest.fixture
def decider(admin: Harness, eva: Send) -> Send:
    return admin.as_user("eva", "admin:return-contacts", "internal", roles=["employee"])


@pytest.mark.story("rb-r-po-02")
def test_the_refund_of_bad_clothes_is_decided_once(admin: Harness, eva: Send, rui: Send, decider: Send) -> None:
    return_id = check_return(admin, rui, eva, "bad")
    body, key = build_contact(return_id, note="A tear"), uuid.uuid4().hex
    first, again = (decider("POST", CONTACTS, json=body, key=key) for _ in range(2))
    assert (first.status_code, first.json()) == (201, again.json())
    assert first.json() | {"recorded_at": ""} == body | {"decided_by": user_id("eva"), "recorded_at": ""}
    assert decider("GET", f"{CONTACTS}/{return_id}").json() == first.json()
    other = decider("POST", CONTACTS, json=build_contact(return_id, 4900), key=uuid.uuid4().hex)
    assert problem_of(other) == (409, "refund-decided")
    [event] = admin.published("admin.return_contact.recorded.v1")
    assert (event["return_id"], event["refund"]["amount"], event["decided_by"]) == (return_id, 2500, user_id("eva"))
    [entry] = [e for e in admin.published("admin.audit.recorded.v1") if e["action"] == "record_return_contact"]
    assert entry["target"] == return_id


def test_an_invalid_agreement_is_rejected_with_its_reason(
    admin: Harness, eva: Send, rui: Send, decider: Send
) -> None:
    def rejection(body: dict[str, Any]) -> tuple[int, str]:
        return problem_of(decider("POST", CONTACTS, json=body, key=uuid.uuid4().hex))

    bad, good = check_return(admin, rui, eva, "bad"), check_return(admin, rui, eva, "good")
    unchecked = new_id("rbo")
    change_return_state(admin, unchecked)
    assert rejection(build_contact(new_id("rbo"))) == (422, "unknown-return")
    assert rejection(build_contact(unchecked)) == rejection(build_contact(good)) == (409, "not-checked-bad")
    assert rejection(build_contact(bad, 4901)) == (422, "refund-too-high")
    assert rejection(build_contact(bad, refund={"amount": 1, "currency": "USD"})) == (422, "refund-too-high")
    later = clock.rfc3339(clock.now() + timedelta(hours=1))
    assert rejection(build_contact(bad, contacted_at=later)) == (422, "contact-in-future")
    assert rejection(build_contact(bad, -1))[0] == 400
    assert decider("GET", f"{CONTACTS}/{bad}").status_code == 404
    stranger = admin.as_user("rui", "admin:packages", "internal", roles=["deliveryman"])
    assert stranger("POST", CONTACTS, json=build_contact(bad), key=uuid.uuid4().hex).status_code == 403
    assert admin.published("admin.return_contact.recorded.v1") == []


def start_check(admin: Harness, eva: Send, rui: Send, return_id: str, **fields: Any) -> str:
    """Publish a return, collect and scan it, and return the path of its check result."""
    change_return_state(admin, return_id, **fields)
    return collect_and_scan(admin, eva, rui, return_id)


def collect_and_scan(admin: Harness, eva: Send, rui: Send, return_id: str) -> str:
    """Collect a return and start its check, and return the path of the result."""
    reach_threshold(admin, return_id)
    [package] = collect(rui, [return_id])
    work_order = scan(eva, package["tracking_code"]).json()
    return f"/admin/v1/checking-orders/{work_order['id']}/result"


def product_results(*, coat: str, hat: str) -> list[dict[str, str]]:
    results = [{"product_id": COAT, "result": coat}, {"product_id": HAT, "result": hat}]
    return [result | ({"reason": "A tear"} if result["result"] == "bad" else {}) for result in results]


@pytest.mark.story("rb-r-po-01")
@pytest.mark.story("rb-r-po-02")
def test_a_return_is_checked_product_by_product(admin: Harness, eva: Send, rui: Send, decider: Send) -> None:
    return_id = new_id("rbo")
    path = start_check(admin, eva, rui, return_id, **TWO_PRODUCTS)
    [order] = get_own(eva, "checking")["orders"]
    assert [product["product_id"] for product in order["contents"]] == [COAT, HAT], "shown before the check"
    done = eva("POST", path, json={"products": product_results(coat="good", hat="bad"), "notes": "A wet box"})
    assert (done.status_code, done.json()["state"], done.json()["result"]) == (200, "done", "bad"), done.text
    contents = done.json()["orders"][0]["contents"]
    assert [(one["product_id"], one["result"], one["reason"]) for one in contents] == [
        (COAT, "good", None),
        (HAT, "bad", "A tear"),
    ]
    [event] = state_changes(admin, "checking", "done")
    assert (event["result"], event["orders"][0]["products"]) == (
        "bad",
        [
            {"product_id": COAT, "result": "good", "reason": None},
            {"product_id": HAT, "result": "bad", "reason": "A tear"},
        ],
    )
    [entry] = [e for e in admin.published("admin.audit.recorded.v1") if e["action"] == "record_check"]
    assert entry["after"] == {"result": "bad", "products": {COAT: "good", HAT: "bad"}}
    too_much = decider("POST", CONTACTS, json=build_contact(return_id, 901), key=uuid.uuid4().hex)
    assert problem_of(too_much) == (422, "refund-too-high"), "only the hat is bad"
    agreement = decider("POST", CONTACTS, json=build_contact(return_id, 450), key=uuid.uuid4().hex)
    assert (agreement.status_code, agreement.json()["refund"]["amount"]) == (201, 450)
    [event] = admin.published("admin.return_contact.recorded.v1")
    assert event["refund"]["amount"] == 4450, "the price of the coat and the agreed amount"
    assert [one["result"] for one in eva("GET", "/admin/v1/bad-packages").json()["items"]] == ["bad"]


@pytest.mark.parametrize("result", ["good", "bad"])
def test_one_result_applies_to_each_product(admin: Harness, eva: Send, rui: Send, result: str) -> None:
    for body in ({"result": result}, {"products": product_results(coat=result, hat=result)}):
        path = start_check(admin, eva, rui, new_id("rbo"), **TWO_PRODUCTS)
        assert eva("POST", path, json=body).json()["result"] == result
    for event in state_changes(admin, "checking", "done"):
        assert [one["result"] for one in event["orders"][0]["products"]] == [result, result]


def test_twenty_products_with_the_longest_reasons_fit_into_one_event(admin: Harness, eva: Send, rui: Send) -> None:
    price = {"amount": 100, "currency": "EUR"}
    items = [{"product_id": new_id("prd"), "title": "Hat", "price": price, "result": None} for _ in range(20)]
    path = start_check(admin, eva, rui, new_id("rbo"), **TWO_PRODUCTS | {"items": items})
    reason = "\N{COAT}" * 200
    products = [{"product_id": item["product_id"], "result": "bad", "reason": reason} for item in items]
    assert eva("POST", path, json={"products": products}).status_code == 200
    [event] = state_changes(admin, "checking", "done")
    assert [one["reason"] for one in event["orders"][0]["products"]] == [reason] * 20
    path = start_check(admin, eva, rui, new_id("rbo"), **TWO_PRODUCTS)
    too_long = [one | {"reason": "a" * 201} for one in product_results(coat="bad", hat="bad")]
    assert eva("POST", path, json={"products": too_long}).json()["errors"][0]["pointer"] == "/products/0/reason"


def test_invalid_results_of_products_are_rejected_with_their_reason(admin: Harness, eva: Send, rui: Send) -> None:
    path = start_check(admin, eva, rui, new_id("rbo"), **TWO_PRODUCTS)

    def rejection(**body: Any) -> tuple[int, str, list[str]]:
        response = eva("POST", path, json=body)
        return *problem_of(response), [error["pointer"] for error in response.json()["errors"]]

    both = product_results(coat="good", hat="good")
    assert rejection() == rejection(result="good", products=both) == (422, "result-or-products", [""])
    assert rejection(products=both[:1]) == (422, "wrong-products", ["/products"])
    assert rejection(products=[*both, both[0]]) == (422, "wrong-products", ["/products/2/product_id"])
    foreign = [*both, {"product_id": new_id("prd"), "result": "good"}]
    assert rejection(products=foreign) == (422, "wrong-products", ["/products/2/product_id"])
    without_reason = [both[0], {"product_id": HAT, "result": "bad"}]
    assert rejection(products=without_reason) == (422, "wrong-products", ["/products/1/reason"])
    assert eva("POST", path, json={"products": [both[0] | {"result": "so so"}]}).status_code == 400
    assert get_own(eva, "checking")["state"] == "in_progress"
    assert eva("POST", path, json={"products": both}).status_code == 200


def test_only_returns_are_checked_product_by_product(admin: Harness, eva: Send, rui: Send, donation: str) -> None:
    reach_threshold(admin, donation)
    [package] = collect(rui, [donation])
    work_order = scan(eva, package["tracking_code"]).json()
    path = f"/admin/v1/checking-orders/{work_order['id']}/result"
    assert problem_of(eva("POST", path, json={"products": product_results(coat="good", hat="good")})) == (
        422,
        "wrong-products",
    )
    assert eva("POST", path, json={"result": "good"}).status_code == 200
    [event] = state_changes(admin, "checking", "done")
    assert event["orders"][0]["products"] == []


def test_a_return_that_is_not_known_yet_is_checked_as_a_whole_or_later(
    admin: Harness, eva: Send, rui: Send, decider: Send
) -> None:
    early, late = new_id("rbo"), new_id("rbo")
    by_product = {"products": product_results(coat="good", hat="bad")}
    path = collect_and_scan(admin, eva, rui, early)
    assert problem_of(eva("POST", path, json=by_product)) == (409, "contents-unknown")
    assert eva("POST", path, json={"result": "bad"}).status_code == 200
    change_return_state(admin, early, "collected", **TWO_PRODUCTS)
    assert decider("POST", CONTACTS, json=build_contact(early, 4900), key=uuid.uuid4().hex).status_code == 201
    path = collect_and_scan(admin, eva, rui, late)
    change_return_state(admin, late, "collected", **TWO_PRODUCTS)
    assert eva("POST", path, json=by_product).status_code == 200


@pytest.mark.story("mf-bo-03")
def test_no_agreement_is_recorded_for_a_force_cancelled_return(
    admin: Harness, eva: Send, rui: Send, decider: Send
) -> None:
    return_id = new_id("rbo")
    path = start_check(admin, eva, rui, return_id, **TWO_PRODUCTS)
    change_return_state(admin, return_id, "refund_decided", **TWO_PRODUCTS | {"is_force_cancelled": True})
    change_return_state(admin, return_id, "collected", **TWO_PRODUCTS)  # an older event
    response = eva("POST", path, json={"products": product_results(coat="good", hat="bad")})
    assert response.status_code == 200, "a package that is found later is checked nevertheless"
    response = decider("POST", CONTACTS, json=build_contact(return_id, 100), key=uuid.uuid4().hex)
    assert problem_of(response) == (409, "return-force-cancelled")
    assert admin.published("admin.return_contact.recorded.v1") == []


def test_bad_returns_are_handed_over_like_bad_donations(admin: Harness, eva: Send, rui: Send) -> None:
    return_id = check_return(admin, rui, eva, "bad")
    hand_over(admin, eva)
    assert admin.published("admin.handover.recorded.v1")[0]["order_ids"] == [return_id]
