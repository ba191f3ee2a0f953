"""Donating orders: what donors do, what happens elsewhere, and what is refused (stories d-*, rd-*, mf-do-*)."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from libs.chassis.clock import now, rfc3339
from services.customer import donation_photos
from tests.integration.customer.conftest import BOX, ROSSIO, Neighbours
from tests.support.harness import Harness, running, user_id

Ask = Callable[..., httpx.Response]
ORDERS, RETURNS = "/customer/v1/donating-orders", "/customer/v1/donation-returns"
SCOPE = "customer:donating-orders"
COAT = {"category": "coats", "size": "M", "condition": "good"}
STORY = "It saw the northern lights."
BELEM = "loc_" + "4" * 32


@pytest.fixture
def ines(customer: Harness, neighbours: Neighbours) -> Ask:
    return customer.as_user("ines", SCOPE)


@pytest.fixture
def rui(customer: Harness, neighbours: Neighbours) -> Ask:
    return customer.as_user("rui", SCOPE)


def key() -> str:
    return uuid.uuid4().hex


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def drafted(ask: Ask, *items: dict[str, Any]) -> dict[str, Any]:
    order = ask("POST", ORDERS, key=key()).json()
    for item in items or (COAT,):
        answer = ask("POST", f"{ORDERS}/{order['id']}/items", json=item, key=key())
        assert answer.status_code == 201, answer.text
    found: dict[str, Any] = ask("GET", f"{ORDERS}/{order['id']}").json()
    return found


def submit(ask: Ask, order_id: str, location_id: str = ROSSIO) -> httpx.Response:
    return ask("POST", f"{ORDERS}/{order_id}/submission", json={"location_id": location_id})


def submitted(ask: Ask, *items: dict[str, Any]) -> dict[str, Any]:
    order = drafted(ask, *items)
    answer = submit(ask, order["id"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def door(customer: Harness, order: dict[str, Any], purpose: str, order_id: str | None = None) -> None:
    data = {
        "right_id": f"rgt_{uuid.uuid4().hex}",
        "purpose": purpose,
        "order_id": order_id or order["id"],
        "person_id": order["donor_id"],
        "location_id": ROSSIO,
        "location_name": "Rossio",
        "box_id": BOX,
        "is_occupied": purpose in ("deposit", "ship"),
        "at": rfc3339(now()),
    }
    customer.deliver("locker.door.used.v1", data)


def work(customer: Harness, kind: str, state: str, order_id: str, result: str | None = None) -> None:
    data = {
        "work_order_id": f"wor_{uuid.uuid4().hex}",
        "kind": kind,
        "state": state,
        "previous_state": None,
        "assignee_id": user_id("paulo"),
        "location_id": ROSSIO,
        "location_name": "Rossio",
        "orders": [{"order_id": order_id, "box_id": BOX, "tracking_code": None}],
        "result": result,
        "reason": None,
        "at": rfc3339(now()),
    }
    customer.deliver("admin.work_order.state_changed.v1", data)


def product(customer: Harness, what: str, order: dict[str, Any], item: int = 0) -> None:
    item_id = order["items"][item]["id"]
    data: dict[str, Any] = {
        "product_id": "prd_" + item_id.removeprefix("dit_"),
        "title": "Camel coat",
        "donation": {"order_id": order["id"], "item_id": item_id},
    }
    if what == "sold":
        data |= {"price": {"amount": 4900, "currency": "EUR"}, "buying_order_id": "bor_" + "1" * 32}
    customer.deliver(f"shopping.product.{what}.v1", data)


def handed_over(customer: Harness, *order_ids: str) -> None:
    factory = {"factory_id": "fac_" + "6" * 32, "factory_name": "Fibra Nova"}
    data = {"hand_over_id": "hov_" + "7" * 32, "order_ids": list(order_ids), "at": rfc3339(now())}
    customer.deliver("admin.handover.recorded.v1", factory | data)


def delivery_paid(customer: Harness, return_id: str) -> None:
    amount = {"amount": 450, "currency": "EUR"}
    data = {"fee_id": "fee_" + "8" * 32, "kind": "delivery", "order_id": return_id, "payer_id": user_id("ines")}
    customer.deliver("billing.fee.paid.v1", data | {"amount": amount, "paid_at": rfc3339(now())})


def collected(customer: Harness, ask: Ask, *items: dict[str, Any]) -> dict[str, Any]:
    order = submitted(ask, *items)
    door(customer, order, "deposit")
    work(customer, "collecting", "done", order["id"])
    return order


def state_of(ask: Ask, order_id: str) -> str:
    return str(ask("GET", f"{ORDERS}/{order_id}").json()["state"])


@pytest.mark.story("d-pr-01")
def test_a_donation_is_drafted_once_however_often_it_is_asked_for(ines: Ask) -> None:
    first, again = (ines("POST", ORDERS, key="draft-key-1") for _ in range(2))
    assert first.status_code == 201
    assert first.json() == again.json()
    assert first.headers["location"] == f"{ORDERS}/{first.json()['id']}"
    assert len(ines("GET", ORDERS).json()["items"]) == 1


@pytest.mark.story("d-pr-02")
def test_items_are_added_changed_and_removed(ines: Ask) -> None:
    order = drafted(ines, COAT, COAT | {"story": STORY, "brand": "Tejo"})
    first, second = order["items"]
    assert (first["story"], second["story"], second["brand"]) == (None, STORY, "Tejo")
    changed = ines("PATCH", f"{ORDERS}/{order['id']}/items/{first['id']}", json={"size": "L"}).json()
    assert (changed["size"], changed["category"]) == ("L", "coats")
    assert ines("DELETE", f"{ORDERS}/{order['id']}/items/{second['id']}").status_code == 204
    assert [item["id"] for item in ines("GET", f"{ORDERS}/{order['id']}").json()["items"]] == [first["id"]]
    gone = ines("DELETE", f"{ORDERS}/{order['id']}/items/{second['id']}")
    assert refusal(gone) == (404, "item-not-found")


def test_an_order_has_at_most_twenty_items(ines: Ask) -> None:
    order = drafted(ines, *[COAT] * 20)
    more = ines("POST", f"{ORDERS}/{order['id']}/items", json=COAT, key=key())
    assert refusal(more) == (409, "too-many-items")


@pytest.mark.parametrize(
    "wrong", [{"condition": "mint"}, {"size": ""}, {"state": "sold"}, {"story": "x" * 2001}, {"story": ""}]
)
def test_an_item_that_cannot_be_is_refused(ines: Ask, wrong: dict[str, Any]) -> None:
    order = drafted(ines)
    answer = ines("POST", f"{ORDERS}/{order['id']}/items", json=COAT | wrong, key=key())
    assert refusal(answer) == (400, "bad-request")
    assert len(ines("GET", f"{ORDERS}/{order['id']}").json()["items"]) == 1


@pytest.mark.parametrize("field", ["story", "brand", "colour", "size"])
@pytest.mark.parametrize("blank", ["", " \t", "\u200b", "\u00a0\u2003", "\u3164", "\u2060\ufeff"])
def test_a_blank_text_of_an_item_is_refused(ines: Ask, field: str, blank: str) -> None:
    order = drafted(ines)
    answer = ines("POST", f"{ORDERS}/{order['id']}/items", json=COAT | {field: blank}, key=key())
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (400, [f"/{field}"])


def test_texts_of_an_item_are_trimmed_and_composed(ines: Ask) -> None:
    order = drafted(ines)
    texts = {"story": "  cafe\u0301 \u200b", "brand": "\u00a0Lisboa La\u0303 "}
    item = ines("POST", f"{ORDERS}/{order['id']}/items", json=COAT | texts, key=key()).json()
    assert (item["story"], item["brand"]) == ("caf\u00e9", "Lisboa L\u00e3")


@pytest.mark.story("d-pr-04")
def test_a_submitted_order_has_a_box(customer: Harness, ines: Ask, neighbours: Neighbours) -> None:
    order = submitted(ines)
    assert (order["state"], order["location"]["name"], order["box"]["label"]) == ("submitted", "Rossio", "A3")
    [asked] = [body for _, path, body in neighbours.asked if path == "/locker/v1/holds"]
    assert asked["person_id"] == user_id("ines")
    [event] = customer.published("customer.donating_order.state_changed.v1")
    assert (event["state"], event["previous_state"], event["has_story"]) == ("submitted", "draft", False)
    assert submit(ines, order["id"]).json() == order
    assert len(customer.published("customer.donating_order.state_changed.v1")) == 1


def test_what_cannot_be_submitted_stays_a_draft(ines: Ask, neighbours: Neighbours) -> None:
    empty = ines("POST", ORDERS, key=key()).json()
    assert refusal(submit(ines, empty["id"])) == (422, "order-empty")
    order = drafted(ines)
    unknown = submit(ines, order["id"], "loc_" + "9" * 32)
    assert refusal(unknown) == (422, "unknown-location")
    assert unknown.json()["errors"][0]["pointer"] == "/location_id"
    neighbours.is_full = True
    assert refusal(submit(ines, order["id"])) == (409, "location-full")
    neighbours.away = {"locker"}
    away = submit(ines, order["id"])
    assert refusal(away) == (503, "service-unavailable")
    assert "retry-after" in away.headers
    assert state_of(ines, order["id"]) == "draft"


def test_a_submitted_order_can_no_longer_be_changed_or_moved(ines: Ask) -> None:
    order = submitted(ines)
    item = order["items"][0]["id"]
    for method, path, body in (
        ("POST", "/items", COAT),
        ("PATCH", f"/items/{item}", {"size": "S"}),
        ("DELETE", f"/items/{item}", None),
    ):
        answer = ines(method, f"{ORDERS}/{order['id']}{path}", json=body, key=key())
        assert refusal(answer) == (409, "illegal-transition"), path
    assert refusal(submit(ines, order["id"], BELEM)) == (409, "illegal-transition")
    assert ines("GET", f"{ORDERS}/{order['id']}").json() == order


def test_an_order_whose_box_is_no_longer_held_is_submitted_again(ines: Ask, neighbours: Neighbours) -> None:
    neighbours.box_held_for = timedelta(seconds=-1)
    order = submitted(ines)
    neighbours.box_held_for = timedelta(days=7)
    again = submit(ines, order["id"]).json()
    assert again["state"] == "submitted"
    assert again["box"]["held_until"] > order["box"]["held_until"]


def test_somebody_elses_order_is_not_there(ines: Ask, rui: Ask) -> None:
    order = drafted(ines)
    path = f"{ORDERS}/{order['id']}"
    item = f"{path}/items/{order['items'][0]['id']}"
    for method, where, body in (
        ("GET", path, None),
        ("POST", f"{path}/items", COAT),
        ("PATCH", item, {"size": "S"}),
        ("DELETE", item, None),
        ("POST", f"{path}/submission", {"location_id": ROSSIO}),
        ("POST", f"{path}/cancellation", None),
        ("POST", RETURNS, {"order_id": order["id"], "location_id": ROSSIO}),
    ):
        assert rui(method, where, json=body, key=key()).status_code == 404, where
    assert rui("GET", ORDERS).json()["items"] == []


@pytest.mark.story("d-do-03")
def test_a_deposit_tells_whether_it_is_the_first_and_has_a_story(customer: Harness, ines: Ask) -> None:
    for order in (submitted(ines, COAT | {"story": STORY}), submitted(ines)):
        door(customer, order, "deposit")
    deposits = [
        e for e in customer.published("customer.donating_order.state_changed.v1") if e["state"] == "deposited"
    ]
    assert [(e["is_first"], e["has_story"]) for e in deposits] == [(True, True), (False, False)]


@pytest.mark.real_servers
def test_after_a_cancelled_first_donation_the_next_one_is_the_first(customer: Harness, ines: Ask) -> None:
    order = submitted(ines)
    door(customer, order, "deposit")
    ines("POST", f"{ORDERS}/{order['id']}/cancellation")
    door(customer, order, "withdraw")
    assert state_of(ines, order["id"]) == "cancelled"
    door(customer, submitted(ines), "deposit")
    door(customer, order, "deposit")  # the cancelled one after all: there is a first one now
    deposits = [
        e for e in customer.published("customer.donating_order.state_changed.v1") if e["state"] == "deposited"
    ]
    assert [e["is_first"] for e in deposits] == [True, True, False]


@pytest.mark.story("d-po-09")
def test_good_clothes_go_to_the_shelf_and_are_sold_piece_by_piece(customer: Harness, ines: Ask) -> None:
    order = collected(customer, ines, COAT, COAT)
    work(customer, "checking", "done", order["id"], "good")
    product(customer, "published", order, 0)
    assert state_of(ines, order["id"]) == "listed"
    product(customer, "published", order, 1)
    product(customer, "sold", order, 0)
    found = ines("GET", f"{ORDERS}/{order['id']}").json()
    assert (found["state"], [item["is_sold"] for item in found["items"]]) == ("listed", [True, False])
    product(customer, "sold", order, 1)
    found = ines("GET", f"{ORDERS}/{order['id']}").json()
    states = [entry["state"] for entry in found["timeline"]]
    assert states == ["draft", "submitted", "deposited", "collected", "checked_good", "listed", "sold"]
    assert found["check_result"] == "good"
    assert all(item["product_id"] for item in found["items"])


@pytest.mark.story("d-po-05")
def test_bad_clothes_are_recycled(customer: Harness, ines: Ask) -> None:
    order = collected(customer, ines)
    work(customer, "checking", "done", order["id"], "bad")
    assert state_of(ines, order["id"]) == "checked_bad"
    handed_over(customer, order["id"])
    assert state_of(ines, order["id"]) == "recycled"


def test_news_that_overtakes_other_news_waits_and_old_news_changes_nothing(customer: Harness, ines: Ask) -> None:
    order = submitted(ines)
    with pytest.raises(LookupError):
        work(customer, "collecting", "done", order["id"])
    with pytest.raises(LookupError):
        work(customer, "checking", "done", order["id"], "good")
    with pytest.raises(LookupError):
        product(customer, "sold", order)
    with pytest.raises(LookupError):
        door(customer, order, "deposit", "dor_" + "0" * 32)
    assert state_of(ines, order["id"]) == "submitted"
    door(customer, order, "deposit")
    work(customer, "collecting", "done", order["id"])
    before = customer.published("customer.donating_order.state_changed.v1")
    door(customer, order, "deposit")
    door(customer, order, "withdraw")
    work(customer, "collecting", "done", order["id"])
    assert customer.published("customer.donating_order.state_changed.v1") == before


@pytest.mark.story("rd-c-01")
def test_cancelling_is_free_while_nothing_was_deposited(customer: Harness, ines: Ask) -> None:
    for order in (drafted(ines), submitted(ines)):
        for _ in range(2):
            answer = ines("POST", f"{ORDERS}/{order['id']}/cancellation")
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    events = customer.published("customer.donating_order.state_changed.v1")
    assert [event["state"] for event in events] == ["submitted", "cancelled", "cancelled"]


@pytest.mark.story("rd-c-04")
def test_a_deposit_is_cancelled_once_the_clothes_are_taken_out(customer: Harness, ines: Ask) -> None:
    order = submitted(ines)
    door(customer, order, "deposit")
    assert ines("POST", f"{ORDERS}/{order['id']}/cancellation").json()["state"] == "cancelling"
    door(customer, order, "withdraw")
    assert state_of(ines, order["id"]) == "cancelled"


def test_clothes_that_were_collected_meanwhile_cannot_be_cancelled(customer: Harness, ines: Ask) -> None:
    order = submitted(ines)
    door(customer, order, "deposit")
    ines("POST", f"{ORDERS}/{order['id']}/cancellation")
    work(customer, "collecting", "done", order["id"])
    assert state_of(ines, order["id"]) == "collected"
    assert refusal(ines("POST", f"{ORDERS}/{order['id']}/cancellation")) == (409, "illegal-transition")


def test_clothes_put_in_while_the_order_was_cancelled_are_a_deposit(customer: Harness, ines: Ask) -> None:
    order = submitted(ines)
    ines("POST", f"{ORDERS}/{order['id']}/cancellation")
    door(customer, order, "deposit")
    assert state_of(ines, order["id"]) == "deposited"


@pytest.mark.story("rd-r-re-01")
def test_a_donation_comes_back_to_its_donor(customer: Harness, ines: Ask, neighbours: Neighbours) -> None:
    order = collected(customer, ines)
    made = ines("POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key="return-key").json()
    again = ines("POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key="return-key").json()
    assert made == again
    assert (made["state"], state_of(ines, order["id"])) == ("created", "returning")
    claims = [body["return_id"] for _, path, body in neighbours.asked if path == "/shopping/v1/return-claims"]
    assert set(claims) == {made["id"]}
    delivery_paid(customer, made["id"])
    for kind, state in (("packing", "assigned"), ("packing", "done"), ("shipping", "in_progress")):
        work(customer, kind, state, made["id"])
    door(customer, order, "ship", made["id"])
    door(customer, order, "pick_up", made["id"])
    found = ines("GET", f"{RETURNS}/{made['id']}").json()
    states = [entry["state"] for entry in found["timeline"]]
    assert states == ["created", "paid", "packing", "shipping", "in_box", "returned"]
    assert state_of(ines, order["id"]) == "returned"


def test_what_cannot_come_back_is_refused(customer: Harness, ines: Ask, rui: Ask, neighbours: Neighbours) -> None:
    order = submitted(ines)
    wanted = {"order_id": order["id"], "location_id": ROSSIO}
    assert refusal(ines("POST", RETURNS, json=wanted, key=key())) == (409, "illegal-transition")
    door(customer, order, "deposit")
    work(customer, "collecting", "done", order["id"])
    elsewhere = wanted | {"location_id": "loc_" + "9" * 32}
    assert refusal(ines("POST", RETURNS, json=elsewhere, key=key())) == (422, "unknown-location")
    for refused in ("product-sold", "products-recycled"):
        neighbours.refuses_claims = refused
        assert refusal(ines("POST", RETURNS, json=wanted, key=key())) == (409, refused)
    neighbours.refuses_claims, neighbours.away = None, {"shopping"}
    assert refusal(ines("POST", RETURNS, json=wanted, key=key())) == (503, "service-unavailable")
    assert state_of(ines, order["id"]) == "collected"
    neighbours.away = set()
    made = ines("POST", RETURNS, json=wanted, key=key()).json()
    assert refusal(ines("POST", RETURNS, json=wanted, key=key())) == (409, "illegal-transition")
    assert rui("GET", f"{RETURNS}/{made['id']}").status_code == 404
    assert rui("POST", f"{RETURNS}/{made['id']}/cancellation").status_code == 404


def test_a_return_that_is_given_up_lets_the_donation_go_on(
    customer: Harness, ines: Ask, neighbours: Neighbours
) -> None:
    order = collected(customer, ines)
    made = ines("POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key=key()).json()
    work(customer, "checking", "done", order["id"], "good")
    assert state_of(ines, order["id"]) == "returning"
    for _ in range(2):
        answer = ines("POST", f"{RETURNS}/{made['id']}/cancellation")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert state_of(ines, order["id"]) == "checked_good"
    assert ("DELETE", f"/shopping/v1/return-claims/{made['id']}", None) in neighbours.asked
    delivery_paid(customer, made["id"])  # too late: billing gives it back
    assert ines("GET", f"{RETURNS}/{made['id']}").json()["state"] == "cancelled"
    assert (
        ines("POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key=key()).status_code == 201
    )


def test_a_paid_return_is_not_given_up(customer: Harness, ines: Ask) -> None:
    order = collected(customer, ines)
    made = ines("POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key=key()).json()
    delivery_paid(customer, made["id"])
    assert refusal(ines("POST", f"{RETURNS}/{made['id']}/cancellation")) == (409, "illegal-transition")


@pytest.mark.story("mf-do-01")
def test_staff_sees_all_donations_and_returns(customer: Harness, ines: Ask, rui: Ask) -> None:
    clara = customer.as_user("clara", "customer:donating-orders:monitor", kind="internal", roles=["employee"])
    order, other = collected(customer, ines), drafted(rui)
    made = ines("POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key=key()).json()
    listed = "/customer/v1/monitored-donating-orders"
    assert {found["id"] for found in clara("GET", listed).json()["items"]} == {order["id"], other["id"]}
    [found] = clara("GET", listed, params={"state": "draft"}).json()["items"]
    assert found["id"] == other["id"]
    [found] = clara("GET", listed, params={"donor_id": user_id("ines")}).json()["items"]
    assert found["id"] == order["id"]
    assert clara("GET", f"{listed}/{order['id']}").json()["timeline"][-1]["state"] == "returning"
    [found] = clara("GET", "/customer/v1/monitored-donation-returns").json()["items"]
    assert found["id"] == made["id"]
    assert ines("GET", listed).status_code == 403


def test_a_list_goes_on_after_its_last_order(ines: Ask) -> None:
    ids = [drafted(ines)["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = ines("GET", ORDERS, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [order["id"] for order in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]


class TestPhotos:
    """Photos go straight to S3, and are seen only with an address that ends."""

    @pytest.fixture
    def customer(self, database_url: str, aws_endpoint: str) -> Iterator[Harness]:
        own = {"RECLOTHES_DATABASE_URL": database_url, "RECLOTHES_AWS_ENDPOINT_URL": aws_endpoint}
        with running("customer", own) as harness:
            donation_photos.photo_bucket().ensure()
            yield harness

    @staticmethod
    def announce(ask: Ask, order: dict[str, Any], size: int) -> tuple[str, httpx.Response]:
        path = f"{ORDERS}/{order['id']}/items/{order['items'][0]['id']}/photos"
        return path, ask("POST", path, json={"content_type": "image/png", "size": size}, key=key())

    def upload(self, ask: Ask, order: dict[str, Any], content: bytes, announced: int | None = None) -> str:
        path, answer = self.announce(ask, order, announced or len(content))
        ticket = answer.json()
        form = ticket["upload"]
        httpx.post(form["url"], data=form["fields"], files={"file": ("photo", content)})
        return f"{path}/{ticket['photo_id']}"

    @pytest.mark.story("d-pr-02")
    def test_a_photo_is_uploaded_checked_shown_and_removed(self, ines: Ask) -> None:
        order, content = drafted(ines), picture()
        path = self.upload(ines, order, content)
        [item] = ines("GET", f"{ORDERS}/{order['id']}").json()["items"]
        assert item["photos"] == []
        photo = ines("POST", f"{path}/completion").json()
        assert (photo["width"], photo["height"]) == (60, 80)
        assert httpx.get(photo["url"]).content == content
        assert "X-Amz-Expires=900" in photo["url"]
        [item] = ines("GET", f"{ORDERS}/{order['id']}").json()["items"]
        assert [shown["id"] for shown in item["photos"]] == [photo["id"]]
        assert ines("DELETE", path).status_code == 204
        assert ines("GET", f"{ORDERS}/{order['id']}").json()["items"][0]["photos"] == []

    def test_what_is_no_photo_or_another_one_is_refused(self, ines: Ask, rui: Ask) -> None:
        order = drafted(ines)
        script = self.upload(ines, order, b"#!/bin/sh\necho no picture\n")
        assert refusal(ines("POST", f"{script}/completion")) == (422, "not-an-image")
        other = self.upload(ines, order, picture(), announced=len(picture()) + 1)
        assert refusal(ines("POST", f"{other}/completion")) == (422, "photo-mismatch")
        path, answer = self.announce(ines, order, 100)
        missing = ines("POST", f"{path}/{answer.json()['photo_id']}/completion")
        assert refusal(missing) == (409, "photo-not-uploaded")
        assert rui("POST", f"{script}/completion").status_code == 404
        assert ines("GET", f"{ORDERS}/{order['id']}").json()["items"][0]["photos"] == []

    def test_photos_have_limits_of_size_type_and_number(self, ines: Ask) -> None:
        order = drafted(ines)
        path, too_large = self.announce(ines, order, 10 * 1024 * 1024 + 1)
        assert refusal(too_large) == (400, "bad-request")
        wrong = ines("POST", path, json={"content_type": "image/svg+xml", "size": 10}, key=key())
        assert refusal(wrong) == (400, "bad-request")
        for _ in range(6):
            assert self.announce(ines, order, 10)[1].status_code == 201
        assert refusal(self.announce(ines, order, 10)[1]) == (409, "too-many-photos")

    def test_what_was_not_uploaded_in_time_does_not_count(self, ines: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        order = drafted(ines)
        monkeypatch.setattr(donation_photos, "FORM_VALID_FOR", timedelta(seconds=-1))
        for _ in range(7):
            assert self.announce(ines, order, 10)[1].status_code == 201

    def test_the_limit_of_photos_is_checked_on_completion(self, ines: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        order, content = drafted(ines), picture()
        paths = [self.upload(ines, order, content) for _ in range(3)]
        monkeypatch.setattr(donation_photos, "MOST_PHOTOS", 2)
        for path in paths[:2] * 2:
            assert ines("POST", f"{path}/completion").status_code == 200
        assert refusal(ines("POST", f"{paths[2]}/completion")) == (409, "too-many-photos")
        assert len(ines("GET", f"{ORDERS}/{order['id']}").json()["items"][0]["photos"]) == 2

    def test_the_first_half_of_a_photo_is_refused(self, ines: Ask) -> None:
        order = drafted(ines)
        path = self.upload(ines, order, picture()[:-30])
        assert refusal(ines("POST", f"{path}/completion")) == (422, "not-an-image")


def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (60, 80), "navy").save(content, "PNG")
    return content.getvalue()
