"""Purchases after their payment, and their returns, through both gateways and a box controller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from libs.chassis.clock import now, rfc3339
from tests.acceptance.conftest import CustomerFactory, SiteFactory
from tests.acceptance.site import Site, expect_problem
from tools.demo.people import Customer, Json, Mailbox, Staff, idempotency_key, wait_for

OPENINGS = "/locker/v1/openings"


@pytest.fixture
def buyer(new_customer: CustomerFactory) -> Customer:
    return new_customer()


def wait_for_product(employee: Staff, product_id: str, state: str) -> Json:
    def read() -> Json | None:
        product: Json = employee.call("GET", f"/shopping/v1/inventory/{product_id}").json()
        return product if product["state"] == state else None

    return wait_for(f"product {product_id} to be {state}", read)


def resume_product(employee: Staff, product_id: str) -> Json:
    """Resume a returned product as soon as shopping has received its return."""

    def resume() -> Json | None:
        path = f"/shopping/v1/inventory/{product_id}/resumption"
        response = employee.call("POST", path, expect=(200, 409))
        product: Json = response.json()
        return product if response.status_code == 200 else None

    return wait_for(f"product {product_id} to be resumed", resume)


@pytest.mark.story("b-bu-01")
@pytest.mark.story("b-bu-02")
@pytest.mark.story("b-bu-05")
@pytest.mark.story("b-pa-01")
@pytest.mark.story("b-pa-02")
@pytest.mark.story("b-pa-03")
@pytest.mark.story("b-sh-01")
@pytest.mark.story("b-sh-02")
@pytest.mark.story("b-po-01")
@pytest.mark.story("b-po-02")
@pytest.mark.story("b-po-03")
@pytest.mark.story("mf-bo-02")
def test_a_purchase_is_packed_shipped_and_picked_up(
    buyer: Customer,
    new_customer: CustomerFactory,
    site: Site,
    new_site: SiteFactory,
    published_coat: Callable[..., str],
    mailbox: Mailbox,
) -> None:
    coat_id = published_coat()
    review = buyer.review_order([coat_id], site.location_id)
    assert (review["total"]["amount"], review["can_be_placed"]) == (4900, True)
    assert (review["pickup_location"]["id"], review["payment_method"]) == (site.location_id, "card")
    order = site.buy(buyer, coat_id)
    assert f"/orders/{order['id']}" in mailbox.wait_for_mail(buyer.user_name, "receipt")
    assert not buyer.review_order([coat_id], site.location_id)["can_be_placed"]

    deliveryman = site.deliveryman
    package = site.pack(order["id"])

    assert buyer.wait_for_notification("order-packing", order["id"])
    assert expect_problem(buyer, "POST", OPENINGS, 404, json={"code": site.controller.code()}) == "nothing-to-open"

    site.ship(buyer, package)
    assert deliveryman.wait_for_notification("work-order-assigned", site.location["name"])
    assert site.location["name"] in buyer.wait_for_notification("order-in-box", order["id"])["text"]
    stranger, other_site, code = new_customer(), new_site(), site.controller.code()
    assert expect_problem(stranger, "POST", OPENINGS, 404, json={"code": code}) == "nothing-to-open"
    other_code = {"code": other_site.controller.code()}
    assert expect_problem(buyer, "POST", OPENINGS, 404, json=other_code) == "nothing-to-open"
    [door] = site.open_doors_when_allowed(buyer, order["id"])
    site.controller.close_door(door, is_occupied=False)
    next_code = {"code": site.controller.code()}
    assert expect_problem(buyer, "POST", OPENINGS, 404, json=next_code) == "nothing-to-open"
    picked_up = buyer.wait_for_order(order["id"], "picked_up")
    assert buyer.wait_for_notification("order-picked-up", order["id"])
    assert [entry["state"] for entry in picked_up["timeline"]] == [
        "placed",
        "paid",
        "packing",
        "packed",
        "shipping",
        "in_box",
        "picked_up",
    ]

    path = f"/customer/v1/monitored-buying-orders/{order['id']}"

    def read_when_shipped() -> Json | None:
        monitored: Json = site.manager.call("GET", path).json()
        return monitored if [work["state"] for work in monitored["work"]] == ["done", "done"] else None

    monitored = wait_for("the work to be done", read_when_shipped)
    assert [work["kind"] for work in monitored["work"]] == ["packing", "shipping"]
    assert {work["tracking_code"] for work in monitored["work"]} == {package["tracking_code"]}
    assert (monitored["payment"]["amount"]["amount"], monitored["returns"], monitored["refunds"]) == (4900, [], [])


@pytest.mark.story("mf-bo-02")
def test_a_manager_force_cancels_an_order_whose_product_is_missing(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    order = site.buy(buyer, coat_id)
    site.assign_work("packing", order["id"], site.employee)
    path = f"/customer/v1/monitored-buying-orders/{order['id']}/forced-cancellation"
    body = {"reason": "The coat is not on its shelf", "missing_product_ids": [coat_id]}
    assert expect_problem(site.employee, "POST", path, 403, json=body) == "forbidden"
    response = site.manager.call("POST", path, json=body).json()
    assert (response["state"], response["cancel_reason"]) == ("cancelled", "force_cancelled")
    assert "we are sorry" in buyer.wait_for_notification("order-cancelled", order["id"])["text"]

    def read_when_refunded() -> Json | None:
        cancelled: Json = buyer.call("GET", f"/customer/v1/buying-orders/{order['id']}").json()
        return cancelled if cancelled["refunds"] else None

    assert wait_for("the refund", read_when_refunded)["refunds"][0]["amount"] == order["total"]
    assert site.employee.call("GET", f"/shopping/v1/inventory/{coat_id}").json()["state"] == "sold"

    assert resume_product(site.employee, coat_id)["state"] == "draft"


@pytest.mark.story("b-pa-02")
def test_the_employee_who_packs_an_order_prints_its_label(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    order = site.buy(buyer, published_coat())
    site.assign_work("packing", order["id"], site.employee)
    package = site.employee.create_package(order["id"])
    for file_type, prefix in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        label = site.employee.call("GET", f"/admin/v1/packages/{package['id']}/label.{file_type}")
        assert label.content.startswith(prefix)


@pytest.mark.story("rb-c-01")
def test_an_order_can_be_cancelled_until_it_is_shipped(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    unpaid = buyer.place_order([coat_id], site.location_id)
    assert buyer.cancel_order(unpaid["id"])["state"] == "cancelled"
    assert "Nothing was charged" in buyer.wait_for_notification("order-cancelled", unpaid["id"])["text"]

    order = site.buy(buyer, coat_id)
    site.pack(order["id"])
    site.assign_work("shipping", order["id"], site.deliveryman)
    assert [buyer.cancel_order(order["id"])["state"] for _ in range(2)] == ["cancelled", "cancelled"]
    assert "refund what you paid" in buyer.wait_for_notification("order-cancelled", order["id"])["text"]
    wait_for_product(site.employee, coat_id, "published")

    def all_boxes_are_free() -> bool | None:
        occupancy = site.manager.call("GET", f"/locker/v1/occupancies/{site.location_id}").json()
        return occupancy["boxes"]["free"] == 3 or None

    assert wait_for("the box to be free again", all_boxes_are_free)
    code = {"code": site.controller.code()}
    assert expect_problem(site.deliveryman, "POST", OPENINGS, 404, json=code) == "nothing-to-open"

    shipped = site.buy(buyer, coat_id)
    site.ship(buyer, site.pack(shipped["id"]))
    assert buyer.cancel_order(shipped["id"], expect=409)["type"].endswith("/illegal-transition")


@pytest.mark.story("rb-r-re-01")
@pytest.mark.story("rb-r-re-02")
@pytest.mark.story("rb-r-re-03")
@pytest.mark.story("rb-r-co-01")
@pytest.mark.story("rb-r-po-01")
@pytest.mark.story("rb-r-po-04")
@pytest.mark.story("mf-bo-03")
def test_a_returned_product_is_refunded_and_published_again(
    buyer: Customer, new_customer: CustomerFactory, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id, hat_id = published_coat(), published_coat(1500, title="Straw hat", category="hats")
    order = site.deliver_purchase(buyer, coat_id, hat_id)
    purchase_return = buyer.return_purchase(order["id"], site.location_id, coat_id)
    assert (purchase_return["state"], purchase_return["price"]["amount"], purchase_return["is_whole_order"]) == (
        "created",
        4900,
        False,
    )
    stranger = new_customer()
    stranger.return_purchase(order["id"], site.location_id, expect=404)
    stranger.call("GET", f"/customer/v1/buying-returns/{purchase_return['id']}", expect=404)
    code = {"code": site.controller.code()}
    assert expect_problem(stranger, "POST", OPENINGS, 404, json=code) == "nothing-to-open"

    package = site.collect_return(buyer, purchase_return)
    assert site.location["name"] in buyer.wait_for_notification("return-deposited", order["id"])["text"]
    assert buyer.wait_for_notification("return-collected", order["id"])
    site.record_check(package, "good")
    checked = wait_for(
        "the result",
        lambda: (
            found
            if (found := buyer.call("GET", f"/customer/v1/buying-returns/{purchase_return['id']}").json())["refund"]
            else None
        ),
    )
    assert checked["refund"] == {"amount": 4900, "currency": "EUR"}
    assert "49.00" in buyer.wait_for_notification("return-checked-good", order["id"])["text"]
    query = {"order_id": order["id"]}
    returns = site.employee.call("GET", "/customer/v1/monitored-buying-returns", params=query).json()["items"]
    assert [found["id"] for found in returns] == [purchase_return["id"]]

    path = f"/shopping/v1/inventory/{coat_id}/resumption"
    draft = resume_product(site.employee, coat_id)
    assert (draft["state"], draft["price"]) == ("draft", None)
    assert expect_problem(site.employee, "POST", path, 409) == "illegal-transition"
    site.manager.set_price(coat_id, 3900)
    site.manager.publish(coat_id)
    assert stranger.review_order([coat_id], site.location_id)["total"]["amount"] == 3900


@pytest.mark.story("rb-r-po-01")
@pytest.mark.story("rb-r-po-02")
def test_the_refund_of_a_bad_return_is_agreed_with_the_buyer(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    order = site.deliver_purchase(buyer, coat_id)
    purchase_return = buyer.return_purchase(order["id"], site.location_id)
    site.record_check(site.collect_return(buyer, purchase_return), "bad")
    assert buyer.wait_for_purchase_return(purchase_return["id"], "checked_bad")["refund"] is None
    assert buyer.wait_for_notification("return-checked-bad", order["id"])

    path, employee = "/admin/v1/return-contacts", site.employee
    agreed = {
        "return_id": purchase_return["id"],
        "contacted_at": rfc3339(now() - timedelta(minutes=1)),
        "channel": "phone",
    }
    too_much = agreed | {"refund": {"amount": 4901, "currency": "EUR"}}
    assert (
        expect_problem(employee, "POST", path, 422, json=too_much, headers=idempotency_key()) == "refund-too-high"
    )
    half = agreed | {"refund": {"amount": 2450, "currency": "EUR"}, "note": "Torn at the sleeve"}
    employee.call("POST", path, json=half, headers=idempotency_key(), expect=201)
    assert expect_problem(employee, "POST", path, 409, json=half, headers=idempotency_key()) == "refund-decided"
    assert expect_problem(site.deliveryman, "POST", path, 403, json=half, headers=idempotency_key()) == "forbidden"

    def read_when_decided() -> Json | None:
        decided: Json = buyer.call("GET", f"/customer/v1/buying-returns/{purchase_return['id']}").json()
        return decided if decided["refund"] else None

    assert wait_for("the refund", read_when_decided)["refund"]["amount"] == 2450
    wait_for_product(employee, coat_id, "recycled")


def return_coat_and_hat(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> tuple[str, str, Json, Json]:
    """Buy and return two products: their ids, the return, and its package, which is to be checked."""
    coat_id, hat_id = published_coat(), published_coat(1500, title="Straw hat", category="hats")
    order = site.deliver_purchase(buyer, coat_id, hat_id)
    purchase_return = buyer.return_purchase(order["id"], site.location_id)
    return coat_id, hat_id, purchase_return, site.collect_return(buyer, purchase_return)


@pytest.mark.story("rb-r-po-01")
@pytest.mark.story("rb-r-po-02")
@pytest.mark.story("rb-r-po-03")
@pytest.mark.story("rb-r-po-04")
def test_the_good_product_of_a_mixed_return_is_refunded_immediately(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id, hat_id, purchase_return, package = return_coat_and_hat(buyer, site, published_coat)
    checked = site.record_check_by_product(package, **{coat_id: "good", hat_id: "bad"})
    assert [product["result"] for product in checked["orders"][0]["contents"]] == ["good", "bad"]

    def refunds() -> list[int]:
        items = buyer.call("GET", "/billing/v1/refunds", params={"order_id": purchase_return["order_id"]}).json()[
            "items"
        ]
        return sorted(item["amount"]["amount"] for item in items if item["state"] == "completed")

    assert wait_for("the price of the coat", lambda: refunds() or None) == [4900]
    checked_bad = buyer.wait_for_purchase_return(purchase_return["id"], "checked_bad")
    assert [(item["result"], item["reason"]) for item in checked_bad["items"]] == [("good", None), ("bad", "Torn")]
    text = buyer.wait_for_notification("return-checked-bad", purchase_return["order_id"])["text"]
    assert "- Straw hat" in text
    assert "we refund €49.00" in text
    assert resume_product(site.employee, coat_id)["state"] == "draft"

    path = "/admin/v1/return-contacts"
    agreed = {
        "return_id": purchase_return["id"],
        "contacted_at": rfc3339(now() - timedelta(minutes=1)),
        "channel": "phone",
    }
    too_much = agreed | {"refund": {"amount": 1501, "currency": "EUR"}}
    assert (
        expect_problem(site.employee, "POST", path, 422, json=too_much, headers=idempotency_key())
        == "refund-too-high"
    )
    half = agreed | {"refund": {"amount": 750, "currency": "EUR"}}
    site.employee.call("POST", path, json=half, headers=idempotency_key(), expect=201)
    completed = buyer.wait_for_purchase_return(purchase_return["id"], "completed")
    assert completed["refund"] == {"amount": 5650, "currency": "EUR"}
    assert refunds() == [750, 4900]
    wait_for_product(site.employee, hat_id, "recycled")


@pytest.mark.story("mf-bo-03")
def test_a_force_cancelled_return_can_still_be_checked(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id, hat_id, purchase_return, package = return_coat_and_hat(buyer, site, published_coat)
    path = f"/customer/v1/monitored-buying-returns/{purchase_return['id']}/forced-cancellation"
    response = site.manager.call("POST", path, json={"reason": "It fell off the van"}).json()
    assert response["refund"] == {"amount": 6400, "currency": "EUR"}
    buyer.wait_for_purchase_return(purchase_return["id"], "completed")

    site.record_check_by_product(package, **{coat_id: "good", hat_id: "bad"})
    wait_for_product(site.employee, hat_id, "recycled")
    assert resume_product(site.employee, coat_id)["state"] == "draft"
    contact = {
        "return_id": purchase_return["id"],
        "contacted_at": rfc3339(now() - timedelta(minutes=1)),
        "channel": "phone",
    }
    contact |= {"refund": {"amount": 100, "currency": "EUR"}}
    headers = idempotency_key()
    problem = expect_problem(site.employee, "POST", "/admin/v1/return-contacts", 409, json=contact, headers=headers)
    assert problem == "return-force-cancelled"


@pytest.mark.story("mf-op-05")
def test_an_employee_resumes_a_withdrawn_product(
    site: Site, published_coat: Callable[..., str], buyer: Customer
) -> None:
    coat_id = published_coat()
    path = f"/shopping/v1/inventory/{coat_id}"
    site.manager.call("DELETE", f"{path}/publication")
    buyer.call("GET", f"/shopping/v1/products/{coat_id}", anonymous=True, expect=404)
    assert site.employee.call("POST", f"{path}/resumption").json()["state"] == "published"
    assert buyer.call("GET", f"/shopping/v1/products/{coat_id}", anonymous=True).json()["price"]["amount"] == 4900
    assert expect_problem(site.employee, "POST", f"{path}/resumption", 409) == "illegal-transition"


@pytest.mark.story("mf-bo-01")
@pytest.mark.story("mf-eu-05")
@pytest.mark.story("mf-eu-06")
def test_staff_reads_orders_counts_and_top_buyers(
    buyer: Customer, site: Site, published_coat: Callable[..., str], employee: Staff, manager: Staff
) -> None:
    since = rfc3339(now())
    expensive = site.buy(buyer, published_coat(4900))
    cheap = buyer.place_order([published_coat(900)], site.location_id)
    query = {"pickup_location_id": site.location_id, "sort": "total_asc", "placed_from": since}
    orders = employee.call("GET", "/customer/v1/monitored-buying-orders", params=query).json()["items"]
    assert [order["id"] for order in orders] == [cheap["id"], expensive["id"]]
    counts = employee.call("GET", f"/customer/v1/order-counts/{buyer.user_id}").json()
    assert (counts["buying_orders"]["total"], counts["buying_orders"]["by_state"]["placed"]) == (2, 1)
    assert counts["donating_orders"]["total"] == 0
    period = {"since": since, "until": rfc3339(now() + timedelta(minutes=1))}
    top = manager.call("GET", "/customer/v1/top-buyers", params=period).json()["items"]
    assert buyer.user_id in [entry["customer_id"] for entry in top]
    assert "items" in manager.call("GET", "/customer/v1/top-donors", params=period).json()
    for path in ("top-buyers", "top-donors"):
        assert expect_problem(employee, "GET", f"/customer/v1/{path}", 403, params=period) == "forbidden"
