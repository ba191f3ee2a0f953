"""Buying orders in the warehouse: called off, and back again (stories rb-c-01, rb-r-*)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.chassis import clock
from tests.integration.admin import support
from tests.integration.admin.support import LOCATION, Ask, fill, hire, new_id, pack, problem, scan, the_own
from tests.support.harness import Harness, user_id

CONTACTS = "/admin/v1/return-contacts"
COAT, HAT = "prd_" + "1" * 32, "prd_" + "2" * 32


def piece(product_id: str, amount: int) -> dict[str, Any]:
    price = {"amount": amount, "currency": "EUR"}
    return {"product_id": product_id, "title": "Wool coat", "price": price, "result": None}


def paid(admin: Harness, order_id: str) -> None:
    price = {"amount": 4900, "currency": "EUR"}
    data = {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "items": [{"product_id": new_id("prd"), "title": "Wool coat", "price": price}],
        "total": price,
        "pickup_location_id": LOCATION,
        "pickup_location_name": "Rossio",
        "payment_id": new_id("pay"),
        "paid_at": clock.rfc3339(clock.now()),
    }
    admin.deliver("customer.buying_order.paid.v1", data)


def stop(admin: Harness, order_id: str) -> httpx.Response:
    customer = admin.as_user("customer", "admin:work-stops", kind="service")
    return customer("POST", "/admin/v1/work-stops", json={"order_id": order_id})


def return_moved(admin: Harness, return_id: str, state: str = "created", **changed: Any) -> None:
    data: dict[str, Any] = {
        "return_id": return_id,
        "order_id": new_id("bor"),
        "buyer_id": user_id("ines"),
        "state": state,
        "previous_state": None,
        "product_ids": [COAT],
        "items": [piece(COAT, 4900)],
        "is_force_cancelled": False,
        "is_whole_order": True,
        "price": {"amount": 4900, "currency": "EUR"},
        "refund": None,
        "location_id": LOCATION,
        "location_name": "Rossio",
        "at": clock.rfc3339(clock.now()),
    }
    admin.deliver("customer.buying_return.state_changed.v1", data | changed)


def contact(return_id: str, amount: int = 2500, **changed: Any) -> dict[str, Any]:
    refund = {"amount": amount, "currency": "EUR"}
    facts = {"return_id": return_id, "contacted_at": clock.rfc3339(clock.now()), "channel": "phone"}
    return facts | {"refund": refund} | changed


@pytest.fixture
def eva(admin: Harness) -> Ask:
    return hire(admin, "eva", "employee")


@pytest.fixture
def rui(admin: Harness) -> Ask:
    return hire(admin, "rui", "deliveryman")


@pytest.fixture
def decides(admin: Harness, eva: Ask) -> Ask:
    return admin.as_user("eva", "admin:return-contacts", "internal", roles=["employee"])


def packed(eva: Ask, order_id: str) -> dict[str, Any]:
    package = pack(eva, order_id)
    work_order_id = scan(eva, package["tracking_code"]).json()["id"]
    answer = eva("POST", f"/admin/v1/own-packing-orders/{work_order_id}/finish")
    assert answer.status_code == 200, answer.text
    return package


@pytest.mark.story("rb-c-01")
def test_work_is_stopped_until_the_deliveryman_has_the_package(admin: Harness, eva: Ask, rui: Ask) -> None:
    packing, shipping, gone = new_id("bor"), new_id("bor"), new_id("bor")
    for order_id in (packing, shipping, gone):
        paid(admin, order_id)
    packed(eva, shipping)
    assert the_own(rui, "shipping")["location_name"] == "Rossio", "the deliveryman reads where to go"
    scan(rui, packed(eva, gone)["tracking_code"])
    for order_id in (packing, shipping):
        assert [stop(admin, order_id).status_code for _ in range(2)] == [204, 204]
    assert problem(stop(admin, gone)) == (409, "shipping-began")
    assert [event["order_id"] for event in admin.published("admin.work.stopped.v1")] == [packing, shipping]
    ended = {
        order["order_id"]: move["state"]
        for move in support.moves(admin, "packing") + support.moves(admin, "shipping")
        for order in move["orders"]
    }
    assert ended == {packing: "failed", shipping: "failed", gone: "in_progress"}


def test_an_order_that_was_stopped_before_its_payment_was_heard_of_is_never_packed(
    admin: Harness, eva: Ask
) -> None:
    order_id = new_id("bor")
    assert stop(admin, order_id).status_code == 204
    paid(admin, order_id)
    assert support.own(eva, "packing") == []


def test_the_news_of_a_cancellation_ends_work_that_came_to_be_at_the_moment_of_the_stop(
    admin: Harness, eva: Ask
) -> None:
    order_id = new_id("bor")
    paid(admin, order_id)
    data: dict[str, Any] = {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "state": "cancelled",
        "previous_state": "paid",
        "product_ids": [new_id("prd")],
        "total": {"amount": 4900, "currency": "EUR"},
        "payment_id": new_id("pay"),
        "pickup_location_id": LOCATION,
        "pickup_location_name": "Rossio",
        "is_first": False,
        "return_until": None,
        "at": clock.rfc3339(clock.now()),
    }
    for _ in range(2):
        admin.deliver("customer.buying_order.state_changed.v1", data | {"reason": "force_cancelled"})
    ended = the_own(eva, "packing")
    assert (ended["state"], ended["reason"]) == ("failed", "a manager cancelled the order")
    paid(admin, order_id)
    assert the_own(eva, "packing")["state"] == "failed"


def test_only_the_customer_service_stops_work(admin: Harness) -> None:
    manager = admin.as_user("marta", "admin:work-orders:write", "internal", roles=["manager"])
    assert manager("POST", "/admin/v1/work-stops", json={"order_id": new_id("bor")}).status_code == 403


def come_back(admin: Harness, eva: Ask, rui: Ask, result: str) -> str:
    """A return that was collected with a donation, and checked."""
    return_id, donation = new_id("rbo"), new_id("dor")
    return_moved(admin, return_id)
    fill(admin, return_id, donation)
    package, _ = support.collect(rui, [return_id, donation])
    support.check(eva, package, result)
    return return_id


@pytest.mark.story("rb-r-po-02")
def test_the_refund_of_bad_clothes_is_decided_once(admin: Harness, eva: Ask, rui: Ask, decides: Ask) -> None:
    return_id = come_back(admin, eva, rui, "bad")
    wish, key = contact(return_id, note="A tear"), uuid.uuid4().hex
    first, again = (decides("POST", CONTACTS, json=wish, key=key) for _ in range(2))
    assert (first.status_code, first.json()) == (201, again.json())
    assert first.json() | {"recorded_at": ""} == wish | {"decided_by": user_id("eva"), "recorded_at": ""}
    assert decides("GET", f"{CONTACTS}/{return_id}").json() == first.json()
    other = decides("POST", CONTACTS, json=contact(return_id, 4900), key=uuid.uuid4().hex)
    assert problem(other) == (409, "refund-decided")
    [told] = admin.published("admin.return_contact.recorded.v1")
    assert (told["return_id"], told["refund"]["amount"], told["decided_by"]) == (return_id, 2500, user_id("eva"))
    [entry] = [e for e in admin.published("admin.audit.recorded.v1") if e["action"] == "record_return_contact"]
    assert entry["target"] == return_id


def test_a_wrong_decision_is_refused_and_says_why(admin: Harness, eva: Ask, rui: Ask, decides: Ask) -> None:
    def refused(wish: dict[str, Any]) -> tuple[int, str]:
        return problem(decides("POST", CONTACTS, json=wish, key=uuid.uuid4().hex))

    bad, good = come_back(admin, eva, rui, "bad"), come_back(admin, eva, rui, "good")
    unchecked = new_id("rbo")
    return_moved(admin, unchecked)
    assert refused(contact(new_id("rbo"))) == (422, "unknown-return")
    assert refused(contact(unchecked)) == refused(contact(good)) == (409, "not-checked-bad")
    assert refused(contact(bad, 4901)) == (422, "refund-too-high")
    assert refused(contact(bad, refund={"amount": 1, "currency": "USD"})) == (422, "refund-too-high")
    later = clock.rfc3339(clock.now() + timedelta(hours=1))
    assert refused(contact(bad, contacted_at=later)) == (422, "contact-in-future")
    assert refused(contact(bad, -1))[0] == 400
    assert decides("GET", f"{CONTACTS}/{bad}").status_code == 404
    stranger = admin.as_user("rui", "admin:packages", "internal", roles=["deliveryman"])
    assert stranger("POST", CONTACTS, json=contact(bad), key=uuid.uuid4().hex).status_code == 403
    assert admin.published("admin.return_contact.recorded.v1") == []


TWO_PIECES = {
    "product_ids": [COAT, HAT],
    "items": [piece(COAT, 4000), piece(HAT, 900)],
    "is_force_cancelled": False,
}


def to_check(admin: Harness, eva: Ask, rui: Ask, return_id: str, **facts: Any) -> str:
    """A return that was collected and scanned by who checks it: the path of its result."""
    return_moved(admin, return_id, **facts)
    return scanned_for_check(admin, eva, rui, return_id)


def scanned_for_check(admin: Harness, eva: Ask, rui: Ask, return_id: str) -> str:
    fill(admin, return_id)
    [package] = support.collect(rui, [return_id])
    work_order = scan(eva, package["tracking_code"]).json()
    return f"/admin/v1/checking-orders/{work_order['id']}/result"


def checks(**results: str) -> list[dict[str, str]]:
    products = {"coat": COAT, "hat": HAT}
    found = [{"product_id": products[name], "result": result} for name, result in results.items()]
    return [one | ({"reason": "A tear"} if one["result"] == "bad" else {}) for one in found]


@pytest.mark.story("rb-r-po-01")
@pytest.mark.story("rb-r-po-02")
def test_a_return_is_checked_piece_by_piece(admin: Harness, eva: Ask, rui: Ask, decides: Ask) -> None:
    return_id = new_id("rbo")
    path = to_check(admin, eva, rui, return_id, **TWO_PIECES)
    [waiting] = the_own(eva, "checking")["orders"]
    assert [one["product_id"] for one in waiting["contents"]] == [COAT, HAT], "who checks sees what should be there"
    done = eva("POST", path, json={"products": checks(coat="good", hat="bad"), "notes": "A wet box"})
    assert (done.status_code, done.json()["state"], done.json()["result"]) == (200, "done", "bad"), done.text
    contents = done.json()["orders"][0]["contents"]
    assert [(one["product_id"], one["result"], one["reason"]) for one in contents] == [
        (COAT, "good", None),
        (HAT, "bad", "A tear"),
    ]
    [told] = support.moves(admin, "checking", "done")
    assert (told["result"], told["orders"][0]["products"]) == (
        "bad",
        [
            {"product_id": COAT, "result": "good", "reason": None},
            {"product_id": HAT, "result": "bad", "reason": "A tear"},
        ],
    )
    [entry] = [e for e in admin.published("admin.audit.recorded.v1") if e["action"] == "record_check"]
    assert entry["after"] == {"result": "bad", "products": {COAT: "good", HAT: "bad"}}
    too_much = decides("POST", CONTACTS, json=contact(return_id, 901), key=uuid.uuid4().hex)
    assert problem(too_much) == (422, "refund-too-high"), "only the hat is bad"
    agreed = decides("POST", CONTACTS, json=contact(return_id, 450), key=uuid.uuid4().hex)
    assert (agreed.status_code, agreed.json()["refund"]["amount"]) == (201, 450)
    [decided] = admin.published("admin.return_contact.recorded.v1")
    assert decided["refund"]["amount"] == 4450, "the coat is paid back whole"
    assert [one["result"] for one in eva("GET", "/admin/v1/bad-packages").json()["items"]] == ["bad"]


@pytest.mark.parametrize(("result", "whole"), [("good", "good"), ("bad", "bad")])
def test_one_result_is_that_of_each_piece(admin: Harness, eva: Ask, rui: Ask, result: str, whole: str) -> None:
    for body in ({"result": result}, {"products": checks(coat=result, hat=result)}):
        path = to_check(admin, eva, rui, new_id("rbo"), **TWO_PIECES)
        assert eva("POST", path, json=body).json()["result"] == whole
    for told in support.moves(admin, "checking", "done"):
        assert [one["result"] for one in told["orders"][0]["products"]] == [result, result]


def test_twenty_pieces_with_the_longest_reasons_go_in_one_event(admin: Harness, eva: Ask, rui: Ask) -> None:
    price = {"amount": 100, "currency": "EUR"}
    items = [{"product_id": new_id("prd"), "title": "Hat", "price": price, "result": None} for _ in range(20)]
    path = to_check(admin, eva, rui, new_id("rbo"), **TWO_PIECES | {"items": items})
    reason = "\N{COAT}" * 200
    products = [{"product_id": item["product_id"], "result": "bad", "reason": reason} for item in items]
    assert eva("POST", path, json={"products": products}).status_code == 200
    [told] = support.moves(admin, "checking", "done")
    assert [one["reason"] for one in told["orders"][0]["products"]] == [reason] * 20
    path = to_check(admin, eva, rui, new_id("rbo"), **TWO_PIECES)
    too_long = [one | {"reason": "a" * 201} for one in checks(coat="bad", hat="bad")]
    assert eva("POST", path, json={"products": too_long}).json()["errors"][0]["pointer"] == "/products/0/reason"


def test_wrong_results_of_pieces_are_refused_and_say_why(admin: Harness, eva: Ask, rui: Ask) -> None:
    path = to_check(admin, eva, rui, new_id("rbo"), **TWO_PIECES)

    def refused(**body: Any) -> tuple[int, str, list[str]]:
        answer = eva("POST", path, json=body)
        return *problem(answer), [error["pointer"] for error in answer.json()["errors"]]

    both = checks(coat="good", hat="good")
    assert refused() == refused(result="good", products=both) == (422, "result-or-products", [""])
    assert refused(products=both[:1]) == (422, "wrong-products", ["/products"])
    assert refused(products=[*both, both[0]]) == (422, "wrong-products", ["/products/2/product_id"])
    strange = [*both, {"product_id": new_id("prd"), "result": "good"}]
    assert refused(products=strange) == (422, "wrong-products", ["/products/2/product_id"])
    unsaid = [both[0], {"product_id": HAT, "result": "bad"}]
    assert refused(products=unsaid) == (422, "wrong-products", ["/products/1/reason"])
    assert eva("POST", path, json={"products": [both[0] | {"result": "so so"}]}).status_code == 400
    assert the_own(eva, "checking")["state"] == "in_progress"
    assert eva("POST", path, json={"products": both}).status_code == 200


def test_only_returns_are_checked_piece_by_piece(admin: Harness, eva: Ask, rui: Ask) -> None:
    fill(admin, donation := new_id("dor"))
    [package] = support.collect(rui, [donation])
    work_order = scan(eva, package["tracking_code"]).json()
    path = f"/admin/v1/checking-orders/{work_order['id']}/result"
    assert problem(eva("POST", path, json={"products": checks(coat="good")})) == (422, "wrong-products")
    assert eva("POST", path, json={"result": "good"}).status_code == 200
    [told] = support.moves(admin, "checking", "done")
    assert told["orders"][0]["products"] == []


def test_a_return_that_is_not_known_yet_is_checked_as_a_whole_or_later(
    admin: Harness, eva: Ask, rui: Ask, decides: Ask
) -> None:
    early, late = new_id("rbo"), new_id("rbo")
    by_product = {"products": checks(coat="good", hat="bad")}
    path = scanned_for_check(admin, eva, rui, early)
    assert problem(eva("POST", path, json=by_product)) == (409, "contents-unknown")
    assert eva("POST", path, json={"result": "bad"}).status_code == 200
    return_moved(admin, early, "collected", **TWO_PIECES)
    assert decides("POST", CONTACTS, json=contact(early, 4900), key=uuid.uuid4().hex).status_code == 201
    path = scanned_for_check(admin, eva, rui, late)
    return_moved(admin, late, "collected", **TWO_PIECES)
    assert eva("POST", path, json=by_product).status_code == 200


@pytest.mark.story("mf-bo-03")
def test_there_is_nothing_to_agree_on_for_a_return_that_was_given_up(
    admin: Harness, eva: Ask, rui: Ask, decides: Ask
) -> None:
    return_id = new_id("rbo")
    path = to_check(admin, eva, rui, return_id, **TWO_PIECES)
    return_moved(admin, return_id, "refund_decided", **TWO_PIECES | {"is_force_cancelled": True})
    return_moved(admin, return_id, "collected", **TWO_PIECES)  # older news
    found = eva("POST", path, json={"products": checks(coat="good", hat="bad")})
    assert found.status_code == 200, "it was found, and is checked all the same"
    answer = decides("POST", CONTACTS, json=contact(return_id, 100), key=uuid.uuid4().hex)
    assert problem(answer) == (409, "return-force-cancelled")
    assert admin.published("admin.return_contact.recorded.v1") == []


def test_bad_returns_leave_for_the_factory_like_bad_donations(admin: Harness, eva: Ask, rui: Ask) -> None:
    return_id = come_back(admin, eva, rui, "bad")
    handover_all(admin, eva)
    assert admin.published("admin.handover.recorded.v1")[0]["order_ids"] == [return_id]


def handover_all(admin: Harness, eva: Ask) -> None:
    """The one bad package leaves for a factory."""
    manager = admin.as_user("marta", "admin:factories:write", "internal", roles=["manager"])
    wanted = {"name": "Fibra Nova", "address": "Porto"}
    factory = manager("POST", "/admin/v1/factories", json=wanted, key=uuid.uuid4().hex).json()
    [package] = eva("GET", "/admin/v1/bad-packages", params={"is_handed_over": "false"}).json()["items"]
    body = {"factory_id": factory["id"], "package_ids": [package["id"]]}
    assert eva("POST", "/admin/v1/handovers", json=body, key=uuid.uuid4().hex).status_code == 201
