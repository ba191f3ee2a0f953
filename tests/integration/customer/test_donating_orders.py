"""Donating orders and their returns: from the draft to the sale, the factory or back (stories d-*, rd-*)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from services.customer.donating_orders import photos
from tests.integration.customer.conftest import ROSSIO, FakePeers
from tests.integration.customer.donating_support import (
    COAT,
    ORDERS,
    RETURNS,
    SCOPE,
    Send,
    change_work,
    create_collected,
    create_draft,
    create_submitted,
    new_key,
    pay_delivery_fee,
    problem_of,
    publish_product_event,
    record_handover,
    state_of,
    submit,
    use_door,
)
from tests.support.harness import Harness, running, user_id

STORY = "It saw the northern lights."
BELEM = "loc_" + "4" * 32


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPE)


@pytest.fixture
def rui(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("rui", SCOPE)


@pytest.mark.story("d-pr-01")
def test_a_repeated_request_creates_one_draft(ines: Send) -> None:
    first, again = (ines("POST", ORDERS, key="draft-key-1") for _ in range(2))
    assert first.status_code == 201
    assert first.json() == again.json()
    assert first.headers["location"] == f"{ORDERS}/{first.json()['id']}"
    assert len(ines("GET", ORDERS).json()["items"]) == 1


@pytest.mark.story("d-pr-02")
def test_items_are_added_changed_and_removed(ines: Send) -> None:
    order = create_draft(ines, COAT, COAT | {"story": STORY, "brand": "Tejo"})
    first, second = order["items"]
    assert (first["story"], second["story"], second["brand"]) == (None, STORY, "Tejo")
    changed = ines("PATCH", f"{ORDERS}/{order['id']}/items/{first['id']}", json={"size": "L"}).json()
    assert (changed["size"], changed["category"]) == ("L", "coats")
    assert ines("DELETE", f"{ORDERS}/{order['id']}/items/{second['id']}").status_code == 204
    assert [item["id"] for item in ines("GET", f"{ORDERS}/{order['id']}").json()["items"]] == [first["id"]]
    repeated = ines("DELETE", f"{ORDERS}/{order['id']}/items/{second['id']}")
    assert problem_of(repeated) == (404, "item-not-found")


def test_an_order_has_at_most_twenty_items(ines: Send) -> None:
    order = create_draft(ines, *[COAT] * 20)
    more = ines("POST", f"{ORDERS}/{order['id']}/items", json=COAT, key=new_key())
    assert problem_of(more) == (409, "too-many-items")


@pytest.mark.parametrize(
    "wrong", [{"condition": "mint"}, {"size": ""}, {"state": "sold"}, {"story": "x" * 2001}, {"story": ""}]
)
def test_an_invalid_item_is_refused(ines: Send, wrong: dict[str, Any]) -> None:
    order = create_draft(ines)
    response = ines("POST", f"{ORDERS}/{order['id']}/items", json=COAT | wrong, key=new_key())
    assert problem_of(response) == (400, "bad-request")
    assert len(ines("GET", f"{ORDERS}/{order['id']}").json()["items"]) == 1


@pytest.mark.parametrize("field", ["story", "brand", "colour", "size"])
@pytest.mark.parametrize("blank", ["", " \t", "\u200b", "\u00a0\u2003", "\u3164", "\u2060\ufeff"])
def test_a_blank_text_of_an_item_is_refused(ines: Send, field: str, blank: str) -> None:
    order = create_draft(ines)
    response = ines("POST", f"{ORDERS}/{order['id']}/items", json=COAT | {field: blank}, key=new_key())
    assert (response.status_code, [error["pointer"] for error in response.json()["errors"]]) == (400, [f"/{field}"])


def test_texts_of_an_item_are_trimmed_and_composed(ines: Send) -> None:
    order = create_draft(ines)
    texts = {"story": "  cafe\u0301 \u200b", "brand": "\u00a0Lisboa La\u0303 "}
    item = ines("POST", f"{ORDERS}/{order['id']}/items", json=COAT | texts, key=new_key()).json()
    assert (item["story"], item["brand"]) == ("caf\u00e9", "Lisboa L\u00e3")


@pytest.mark.story("d-pr-04")
def test_a_submitted_order_has_a_box(customer: Harness, ines: Send, peers: FakePeers) -> None:
    order = create_submitted(ines)
    assert (order["state"], order["location"]["name"], order["box"]["label"]) == ("submitted", "Rossio", "A3")
    [requests] = [body for _, path, body in peers.requests if path == "/locker/v1/holds"]
    assert requests["person_id"] == user_id("ines")
    [event] = customer.published("customer.donating_order.state_changed.v1")
    assert (event["state"], event["previous_state"], event["has_story"]) == ("submitted", "draft", False)
    assert submit(ines, order["id"]).json() == order
    assert len(customer.published("customer.donating_order.state_changed.v1")) == 1


def test_a_refused_submission_leaves_a_draft(ines: Send, peers: FakePeers) -> None:
    empty = ines("POST", ORDERS, key=new_key()).json()
    assert problem_of(submit(ines, empty["id"])) == (422, "order-empty")
    order = create_draft(ines)
    unknown = submit(ines, order["id"], "loc_" + "9" * 32)
    assert problem_of(unknown) == (422, "unknown-location")
    assert unknown.json()["errors"][0]["pointer"] == "/location_id"
    peers.is_location_full = True
    assert problem_of(submit(ines, order["id"])) == (409, "location-full")
    peers.unavailable = {"locker"}
    away = submit(ines, order["id"])
    assert problem_of(away) == (503, "service-unavailable")
    assert "retry-after" in away.headers
    assert state_of(ines, order["id"]) == "draft"


def test_a_submitted_order_cannot_be_changed(ines: Send) -> None:
    order = create_submitted(ines)
    item = order["items"][0]["id"]
    for method, path, body in (
        ("POST", "/items", COAT),
        ("PATCH", f"/items/{item}", {"size": "S"}),
        ("DELETE", f"/items/{item}", None),
    ):
        response = ines(method, f"{ORDERS}/{order['id']}{path}", json=body, key=new_key())
        assert problem_of(response) == (409, "illegal-transition"), path
    assert problem_of(submit(ines, order["id"], BELEM)) == (409, "illegal-transition")
    assert ines("GET", f"{ORDERS}/{order['id']}").json() == order


def test_an_order_whose_box_is_no_longer_held_is_submitted_again(ines: Send, peers: FakePeers) -> None:
    peers.box_held_for = timedelta(seconds=-1)
    order = create_submitted(ines)
    peers.box_held_for = timedelta(days=7)
    again = submit(ines, order["id"]).json()
    assert again["state"] == "submitted"
    assert again["box"]["held_until"] > order["box"]["held_until"]


def test_an_order_is_hidden_from_other_donors(ines: Send, rui: Send) -> None:
    order = create_draft(ines)
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
        assert rui(method, where, json=body, key=new_key()).status_code == 404, where
    assert rui("GET", ORDERS).json()["items"] == []


@pytest.mark.story("d-do-03")
def test_the_event_of_a_deposit_has_the_flags_for_its_rewards(customer: Harness, ines: Send) -> None:
    for order in (create_submitted(ines, COAT | {"story": STORY}), create_submitted(ines)):
        use_door(customer, order, "deposit")
    deposits = [
        e for e in customer.published("customer.donating_order.state_changed.v1") if e["state"] == "deposited"
    ]
    assert [(e["is_first"], e["has_story"]) for e in deposits] == [(True, True), (False, False)]


@pytest.mark.real_servers
def test_the_donation_after_a_cancelled_first_one_is_the_first(customer: Harness, ines: Send) -> None:
    order = create_submitted(ines)
    use_door(customer, order, "deposit")
    ines("POST", f"{ORDERS}/{order['id']}/cancellation")
    use_door(customer, order, "withdraw")
    assert state_of(ines, order["id"]) == "cancelled"
    use_door(customer, create_submitted(ines), "deposit")
    use_door(customer, order, "deposit")  # the cancelled order after all: the donor has a first one now
    deposits = [
        e for e in customer.published("customer.donating_order.state_changed.v1") if e["state"] == "deposited"
    ]
    assert [e["is_first"] for e in deposits] == [True, True, False]


@pytest.mark.story("d-po-09")
def test_a_good_donation_is_listed_and_sold_item_by_item(customer: Harness, ines: Send) -> None:
    order = create_collected(customer, ines, COAT, COAT)
    change_work(customer, "checking", "done", order["id"], "good")
    publish_product_event(customer, "published", order, 0)
    assert state_of(ines, order["id"]) == "listed"
    publish_product_event(customer, "published", order, 1)
    publish_product_event(customer, "sold", order, 0)
    current = ines("GET", f"{ORDERS}/{order['id']}").json()
    assert (current["state"], [item["is_sold"] for item in current["items"]]) == ("listed", [True, False])
    publish_product_event(customer, "sold", order, 1)
    current = ines("GET", f"{ORDERS}/{order['id']}").json()
    states = [entry["state"] for entry in current["timeline"]]
    assert states == ["draft", "submitted", "deposited", "collected", "checked_good", "listed", "sold"]
    assert current["check_result"] == "good"
    assert all(item["product_id"] for item in current["items"])


@pytest.mark.story("d-po-05")
def test_a_bad_donation_is_recycled(customer: Harness, ines: Send) -> None:
    order = create_collected(customer, ines)
    change_work(customer, "checking", "done", order["id"], "bad")
    assert state_of(ines, order["id"]) == "checked_bad"
    record_handover(customer, order["id"])
    assert state_of(ines, order["id"]) == "recycled"


def test_early_events_are_retried_and_stale_events_change_nothing(customer: Harness, ines: Send) -> None:
    order = create_submitted(ines)
    with pytest.raises(LookupError):
        change_work(customer, "collecting", "done", order["id"])
    with pytest.raises(LookupError):
        change_work(customer, "checking", "done", order["id"], "good")
    with pytest.raises(LookupError):
        publish_product_event(customer, "sold", order)
    with pytest.raises(LookupError):
        use_door(customer, order, "deposit", "dor_" + "0" * 32)
    assert state_of(ines, order["id"]) == "submitted"
    use_door(customer, order, "deposit")
    change_work(customer, "collecting", "done", order["id"])
    before = customer.published("customer.donating_order.state_changed.v1")
    use_door(customer, order, "deposit")
    use_door(customer, order, "withdraw")
    change_work(customer, "collecting", "done", order["id"])
    assert customer.published("customer.donating_order.state_changed.v1") == before


@pytest.mark.story("rd-c-01")
def test_cancelling_is_free_before_the_deposit(customer: Harness, ines: Send) -> None:
    for order in (create_draft(ines), create_submitted(ines)):
        for _ in range(2):
            response = ines("POST", f"{ORDERS}/{order['id']}/cancellation")
            assert (response.status_code, response.json()["state"]) == (200, "cancelled")
    events = customer.published("customer.donating_order.state_changed.v1")
    assert [event["state"] for event in events] == ["submitted", "cancelled", "cancelled"]


@pytest.mark.story("rd-c-04")
def test_a_deposit_is_cancelled_once_the_clothes_are_taken_out(customer: Harness, ines: Send) -> None:
    order = create_submitted(ines)
    use_door(customer, order, "deposit")
    assert ines("POST", f"{ORDERS}/{order['id']}/cancellation").json()["state"] == "cancelling"
    use_door(customer, order, "withdraw")
    assert state_of(ines, order["id"]) == "cancelled"


def test_a_collected_order_cannot_be_cancelled(customer: Harness, ines: Send) -> None:
    order = create_submitted(ines)
    use_door(customer, order, "deposit")
    ines("POST", f"{ORDERS}/{order['id']}/cancellation")
    change_work(customer, "collecting", "done", order["id"])
    assert state_of(ines, order["id"]) == "collected"
    assert problem_of(ines("POST", f"{ORDERS}/{order['id']}/cancellation")) == (409, "illegal-transition")


def test_a_deposit_counts_although_the_order_was_cancelled(customer: Harness, ines: Send) -> None:
    order = create_submitted(ines)
    ines("POST", f"{ORDERS}/{order['id']}/cancellation")
    use_door(customer, order, "deposit")
    assert state_of(ines, order["id"]) == "deposited"


@pytest.mark.story("rd-r-re-01")
def test_a_donation_is_returned_to_its_donor(customer: Harness, ines: Send, peers: FakePeers) -> None:
    order = create_collected(customer, ines)
    donation_return = ines(
        "POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key="return-key"
    ).json()
    again = ines("POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key="return-key").json()
    assert donation_return == again
    assert (donation_return["state"], state_of(ines, order["id"])) == ("created", "returning")
    claims = [body["return_id"] for _, path, body in peers.requests if path == "/shopping/v1/return-claims"]
    assert set(claims) == {donation_return["id"]}
    pay_delivery_fee(customer, donation_return["id"])
    for kind, state in (("packing", "assigned"), ("packing", "done"), ("shipping", "in_progress")):
        change_work(customer, kind, state, donation_return["id"])
    use_door(customer, order, "ship", donation_return["id"])
    use_door(customer, order, "pick_up", donation_return["id"])
    current = ines("GET", f"{RETURNS}/{donation_return['id']}").json()
    states = [entry["state"] for entry in current["timeline"]]
    assert states == ["created", "paid", "packing", "shipping", "in_box", "returned"]
    assert state_of(ines, order["id"]) == "returned"


def test_a_return_that_is_not_possible_is_refused(
    customer: Harness, ines: Send, rui: Send, peers: FakePeers
) -> None:
    order = create_submitted(ines)
    body = {"order_id": order["id"], "location_id": ROSSIO}
    assert problem_of(ines("POST", RETURNS, json=body, key=new_key())) == (409, "illegal-transition")
    use_door(customer, order, "deposit")
    change_work(customer, "collecting", "done", order["id"])
    elsewhere = body | {"location_id": "loc_" + "9" * 32}
    assert problem_of(ines("POST", RETURNS, json=elsewhere, key=new_key())) == (422, "unknown-location")
    for refused in ("product-sold", "products-recycled"):
        peers.claim_refusal = refused
        assert problem_of(ines("POST", RETURNS, json=body, key=new_key())) == (409, refused)
    peers.claim_refusal, peers.unavailable = None, {"shopping"}
    assert problem_of(ines("POST", RETURNS, json=body, key=new_key())) == (503, "service-unavailable")
    assert state_of(ines, order["id"]) == "collected"
    peers.unavailable = set()
    donation_return = ines("POST", RETURNS, json=body, key=new_key()).json()
    assert problem_of(ines("POST", RETURNS, json=body, key=new_key())) == (409, "illegal-transition")
    assert rui("GET", f"{RETURNS}/{donation_return['id']}").status_code == 404
    assert rui("POST", f"{RETURNS}/{donation_return['id']}/cancellation").status_code == 404


def test_a_cancelled_return_brings_the_donation_back_to_its_state(
    customer: Harness, ines: Send, peers: FakePeers
) -> None:
    order = create_collected(customer, ines)
    donation_return = ines(
        "POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key=new_key()
    ).json()
    change_work(customer, "checking", "done", order["id"], "good")
    assert state_of(ines, order["id"]) == "returning"
    for _ in range(2):
        response = ines("POST", f"{RETURNS}/{donation_return['id']}/cancellation")
        assert (response.status_code, response.json()["state"]) == (200, "cancelled")
    assert state_of(ines, order["id"]) == "checked_good"
    assert ("DELETE", f"/shopping/v1/return-claims/{donation_return['id']}", None) in peers.requests
    pay_delivery_fee(customer, donation_return["id"])  # stale: billing refunds it
    assert ines("GET", f"{RETURNS}/{donation_return['id']}").json()["state"] == "cancelled"
    assert (
        ines("POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key=new_key()).status_code
        == 201
    )


def test_a_paid_return_cannot_be_cancelled(customer: Harness, ines: Send) -> None:
    order = create_collected(customer, ines)
    donation_return = ines(
        "POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key=new_key()
    ).json()
    pay_delivery_fee(customer, donation_return["id"])
    assert problem_of(ines("POST", f"{RETURNS}/{donation_return['id']}/cancellation")) == (
        409,
        "illegal-transition",
    )


@pytest.mark.story("mf-do-01")
def test_staff_list_all_donations_and_returns(customer: Harness, ines: Send, rui: Send) -> None:
    clara = customer.as_user("clara", "customer:donating-orders:monitor", kind="internal", roles=["employee"])
    order, other = create_collected(customer, ines), create_draft(rui)
    donation_return = ines(
        "POST", RETURNS, json={"order_id": order["id"], "location_id": ROSSIO}, key=new_key()
    ).json()
    path = "/customer/v1/monitored-donating-orders"
    assert {current["id"] for current in clara("GET", path).json()["items"]} == {order["id"], other["id"]}
    [current] = clara("GET", path, params={"state": "draft"}).json()["items"]
    assert current["id"] == other["id"]
    [current] = clara("GET", path, params={"donor_id": user_id("ines")}).json()["items"]
    assert current["id"] == order["id"]
    assert clara("GET", f"{path}/{order['id']}").json()["timeline"][-1]["state"] == "returning"
    [current] = clara("GET", "/customer/v1/monitored-donation-returns").json()["items"]
    assert current["id"] == donation_return["id"]
    assert ines("GET", path).status_code == 403


def test_pages_follow_each_other_without_gaps(ines: Send) -> None:
    ids = [create_draft(ines)["id"] for _ in range(5)]
    listed_ids, cursor = [], None
    while True:
        page = ines("GET", ORDERS, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        listed_ids += [order["id"] for order in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert listed_ids == ids[::-1]


class TestPhotos:
    """Photos are uploaded to S3 directly, and read at URLs that expire."""

    @pytest.fixture
    def customer(self, database_url: str, aws_endpoint: str) -> Iterator[Harness]:
        own = {"RECLOTHES_DATABASE_URL": database_url, "RECLOTHES_AWS_ENDPOINT_URL": aws_endpoint}
        with running("customer", own) as harness:
            photos.photo_bucket().create_if_missing()
            yield harness

    @staticmethod
    def request_upload(send: Send, order: dict[str, Any], size: int) -> tuple[str, httpx.Response]:
        path = f"{ORDERS}/{order['id']}/items/{order['items'][0]['id']}/photos"
        return path, send("POST", path, json={"content_type": "image/png", "size": size}, key=new_key())

    def upload(self, send: Send, order: dict[str, Any], content: bytes, announced: int | None = None) -> str:
        path, response = self.request_upload(send, order, announced or len(content))
        ticket = response.json()
        form = ticket["upload"]
        httpx.post(form["url"], data=form["fields"], files={"file": ("photo", content)})
        return f"{path}/{ticket['photo_id']}"

    @pytest.mark.story("d-pr-02")
    def test_a_photo_is_uploaded_checked_shown_and_removed(self, ines: Send) -> None:
        order, content = create_draft(ines), build_image()
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

    def test_a_file_that_is_no_photo_or_not_the_announced_one_is_refused(self, ines: Send, rui: Send) -> None:
        order = create_draft(ines)
        script = self.upload(ines, order, b"#!/bin/sh\necho no picture\n")
        assert problem_of(ines("POST", f"{script}/completion")) == (422, "not-an-image")
        other = self.upload(ines, order, build_image(), announced=len(build_image()) + 1)
        assert problem_of(ines("POST", f"{other}/completion")) == (422, "photo-mismatch")
        path, response = self.request_upload(ines, order, 100)
        missing = ines("POST", f"{path}/{response.json()['photo_id']}/completion")
        assert problem_of(missing) == (409, "photo-not-uploaded")
        assert rui("POST", f"{script}/completion").status_code == 404
        assert ines("GET", f"{ORDERS}/{order['id']}").json()["items"][0]["photos"] == []

    def test_photos_have_limits_of_size_type_and_number(self, ines: Send) -> None:
        order = create_draft(ines)
        path, too_large = self.request_upload(ines, order, 10 * 1024 * 1024 + 1)
        assert problem_of(too_large) == (400, "bad-request")
        wrong = ines("POST", path, json={"content_type": "image/svg+xml", "size": 10}, key=new_key())
        assert problem_of(wrong) == (400, "bad-request")
        for _ in range(6):
            assert self.request_upload(ines, order, 10)[1].status_code == 201
        assert problem_of(self.request_upload(ines, order, 10)[1]) == (409, "too-many-photos")

    def test_photos_that_were_not_uploaded_in_time_do_not_count(
        self, ines: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = create_draft(ines)
        monkeypatch.setattr(photos, "FORM_VALID_FOR", timedelta(seconds=-1))
        for _ in range(7):
            assert self.request_upload(ines, order, 10)[1].status_code == 201

    def test_the_limit_of_photos_is_checked_on_completion(
        self, ines: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order, content = create_draft(ines), build_image()
        paths = [self.upload(ines, order, content) for _ in range(3)]
        monkeypatch.setattr(photos, "MAX_PHOTOS", 2)
        for path in paths[:2] * 2:
            assert ines("POST", f"{path}/completion").status_code == 200
        assert problem_of(ines("POST", f"{paths[2]}/completion")) == (409, "too-many-photos")
        assert len(ines("GET", f"{ORDERS}/{order['id']}").json()["items"][0]["photos"]) == 2

    def test_a_truncated_photo_is_refused(self, ines: Send) -> None:
        order = create_draft(ines)
        path = self.upload(ines, order, build_image()[:-30])
        assert problem_of(ines("POST", f"{path}/completion")) == (422, "not-an-image")


def build_image() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (60, 80), "navy").save(content, "PNG")
    return content.getvalue()
