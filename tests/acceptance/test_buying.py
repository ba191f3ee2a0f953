"""Carts, orders and payments, stories b-pr-02 to b-pa-01, through the external and the internal gateway."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from tests.acceptance.conftest import CustomerFactory
from tests.support.platform import RunningPlatform
from tools.demo.people import Mailbox, Staff, UnexpectedResponse, idempotency_key, wait_for


@pytest.mark.story("b-bu-01")
@pytest.mark.story("b-bu-02")
@pytest.mark.story("b-bu-05")
@pytest.mark.story("b-pa-01")
def test_a_buyer_buys_a_coat(
    new_customer: CustomerFactory, published_coat: Callable[..., str], employee: Staff, mailbox: Mailbox
) -> None:
    coat_id = published_coat(price=4900)
    buyer = new_customer()
    cart = buyer.put_in_cart(coat_id)
    assert cart["total"] == {"amount": 4900, "currency": "EUR"}
    location = buyer.locations()[0]

    order = buyer.place_order([item["product_id"] for item in cart["items"]], location["id"])
    assert order["state"] == "placed"
    assert order["total"] == {"amount": 4900, "currency": "EUR"}
    assert order["pickup_location"]["id"] == location["id"]

    payment = buyer.pay(order["id"], buyer.card())
    assert payment["state"] in ("authorized", "capturing", "captured")
    paid = buyer.wait_for_order(order["id"], "paid")
    assert [entry["state"] for entry in paid["timeline"]][:2] == ["placed", "paid"]
    assert buyer.call("GET", f"/billing/v1/payments/{payment['id']}").json()["state"] == "captured"

    receipt = mailbox.wait_for_mail(buyer.user_name, "receipt")
    assert order["id"] in receipt
    assert "49.00" in receipt
    assert "https://" in receipt, "the receipt has the link to cancel or return"

    packing = employee.wait_for_packing_order(order["id"])
    assert packing["state"] in ("open", "assigned"), "it is assigned as soon as an employee is available"
    assert [item["product_id"] for item in packing["items"]] == [coat_id]
    wait_for("an empty cart", lambda: True if not buyer.cart()["items"] else None)


@pytest.mark.story("b-bu-03")
def test_a_product_that_is_held_for_one_buyer_is_unavailable_to_another(
    new_customer: CustomerFactory, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    first, second = new_customer(), new_customer()
    second.put_in_cart(coat_id)
    location_id = first.locations()[0]["id"]
    first.place_order([coat_id], location_id)
    problem = second.place_order([coat_id], location_id, expect=409)
    assert problem["type"].endswith("/product-unavailable")
    assert problem["unavailable_product_ids"] == [coat_id]
    [item] = second.cart()["items"]
    assert (item["available"], item["changed"]) == (False, "held")


def test_of_concurrent_buyers_exactly_one_gets_the_coat(
    new_customer: CustomerFactory, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    buyers = [new_customer() for _ in range(6)]
    location_id = buyers[0].locations()[0]["id"]

    def try_to_order(number: int) -> int:
        try:
            buyers[number].place_order([coat_id], location_id)
        except UnexpectedResponse as error:
            return error.response.status_code
        return 201

    with ThreadPoolExecutor(len(buyers)) as pool:
        statuses = sorted(pool.map(try_to_order, range(len(buyers))))
    assert statuses == [201] + [409] * (len(buyers) - 1)


def test_the_same_idempotency_key_places_one_order_and_takes_one_payment(
    new_customer: CustomerFactory, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    buyer = new_customer()
    location_id = buyer.locations()[0]["id"]
    key = idempotency_key()
    first = buyer.place_order([coat_id], location_id, key=key)
    again = buyer.place_order([coat_id], location_id, key=key)
    assert first == again
    assert len(buyer.call("GET", "/customer/v1/buying-orders").json()["items"]) == 1
    buyer.place_order(["prd_" + "0" * 32], location_id, key=key, expect=422)

    card, key = buyer.card(), idempotency_key()
    payment = buyer.pay(first["id"], card, key=key)
    assert buyer.pay(first["id"], card, key=key)["id"] == payment["id"]
    buyer.wait_for_order(first["id"], "paid")
    assert len(buyer.call("GET", "/billing/v1/payments").json()["items"]) == 1


def test_a_declined_card_leaves_the_order_payable(
    new_customer: CustomerFactory, published_coat: Callable[..., str]
) -> None:
    buyer = new_customer()
    order = buyer.place_order([published_coat()], buyer.locations()[0]["id"])
    declined = buyer.pay(order["id"], buyer.card("4000000000000341"), expect=402)
    assert declined["type"].endswith("/card-declined")
    buyer.pay(order["id"], buyer.card())
    buyer.wait_for_order(order["id"], "paid")


def test_an_invalid_order_is_rejected_with_pointers(new_customer: CustomerFactory) -> None:
    buyer = new_customer()
    buyer.call("POST", "/customer/v1/buying-orders", json={}, expect=400)
    problem = buyer.call(
        "POST",
        "/customer/v1/buying-orders",
        json={"product_ids": [], "pickup_location_id": "nowhere", "colour": "red"},
        headers=idempotency_key(),
        expect=400,
    )
    assert problem.headers["content-type"].startswith("application/problem+json")
    pointers = {error["pointer"] for error in problem.json()["errors"]}
    assert {"/product_ids", "/pickup_location_id"} <= pointers


def test_a_customer_cannot_read_the_order_or_payment_of_another(
    new_customer: CustomerFactory, published_coat: Callable[..., str]
) -> None:
    owner, stranger = new_customer(), new_customer()
    order = owner.place_order([published_coat()], owner.locations()[0]["id"])
    payment = owner.pay(order["id"], owner.card())
    stranger.call("GET", f"/customer/v1/buying-orders/{order['id']}", expect=404)
    stranger.call("GET", f"/billing/v1/payments/{payment['id']}", expect=404)
    stranger.call("GET", f"/billing/v1/payments/{payment['id']}/receipt", expect=404)
    stranger.pay(order["id"], stranger.card(), expect=404)


def test_one_request_id_is_in_the_logs_of_the_gateway_the_service_and_the_workers(
    new_customer: CustomerFactory, published_coat: Callable[..., str], platform: RunningPlatform, employee: Staff
) -> None:
    buyer = new_customer()
    buyer.place_order([published_coat()], buyer.locations()[0]["id"])
    assert buyer.last is not None
    request_id = buyer.last.headers["x-request-id"]

    def find_logs() -> set[str] | None:
        names = set()
        for log in (platform.run_dir / "logs").iterdir():
            if request_id in log.read_text(errors="replace"):
                names.add(log.name.split(".")[0])
        expected = [("external",), ("customer",), ("shopping",), ("shopping", "worker")]
        return (
            names if all(any(all(part in name for part in parts) for name in names) for parts in expected) else None
        )

    wait_for("the request id in the logs of every process", find_logs)


@pytest.mark.story("b-pr-02")
def test_a_cart_survives_logging_out_and_the_loss_of_the_cache(
    new_customer: CustomerFactory, published_coat: Callable[..., str], platform: RunningPlatform
) -> None:
    coat_id, hat_id = published_coat(price=4900), published_coat(price=1500, title="Straw hat", category="hats")
    buyer = new_customer()
    buyer.put_in_cart(coat_id)
    assert buyer.put_in_cart(hat_id)["total"]["amount"] == 6400
    buyer.call("DELETE", f"/shopping/v1/cart/items/{hat_id}")
    buyer.log_out()
    buyer.log_in()
    assert [item["product_id"] for item in buyer.cart()["items"]] == [coat_id]

    def is_in_database() -> bool | None:
        """Empty the cache, and check whether the cart is read from the database."""
        redis.Redis.from_url(platform.layout.redis()).flushdb()
        product_ids = [item["product_id"] for item in buyer.cart()["items"]]
        return True if product_ids == [coat_id] else None

    wait_for("the cart to be in the database", is_in_database)
    assert buyer.cart()["total"] == {"amount": 4900, "currency": "EUR"}


@pytest.mark.story("b-pr-02")
def test_a_cart_shows_immediately_what_was_sold_or_repriced(
    new_customer: CustomerFactory, published_coat: Callable[..., str], manager: Staff
) -> None:
    sold, repriced = published_coat(price=2000), published_coat(price=4900)
    buyer, other = new_customer(), new_customer()
    buyer.put_in_cart(sold)
    buyer.put_in_cart(repriced)
    order = other.place_order([sold], other.locations()[0]["id"])
    manager.set_price(repriced, 3900)
    cart = buyer.cart()
    assert [(item["changed"], item["available"]) for item in cart["items"]] == [("held", False), ("repriced", True)]
    assert cart["total"]["amount"] == 3900, "unavailable items do not count"
    assert buyer.put_in_cart(repriced)["items"][1]["changed"] is None, "adding it again accepts the price"
    other.pay(order["id"], other.card())
    other.wait_for_order(order["id"], "paid")
    wait_for("the sale", lambda: buyer.cart()["items"][0]["changed"] == "sold" or None)


@pytest.mark.story("b-pr-02")
def test_an_anonymous_cart_is_merged_into_the_cart_after_logging_in(
    new_customer: CustomerFactory, published_coat: Callable[..., str], platform: RunningPlatform
) -> None:
    own, chosen = published_coat(price=1000), published_coat(price=2000)
    buyer = new_customer()
    buyer.put_in_cart(own)
    token = buyer.call("POST", "/shopping/v1/anonymous-carts", anonymous=True).json()["cart_token"]
    header = {"Cart-Token": token}
    item = f"/shopping/v1/anonymous-cart/items/{chosen}"
    assert buyer.call("PUT", item, headers=header, anonymous=True).json()["total"]["amount"] == 2000
    for headers in ({}, {"Cart-Token": "rcc_short"}):
        buyer.call("GET", "/shopping/v1/anonymous-cart", headers=headers, anonymous=True, expect=400)
    buyer.call("POST", "/shopping/v1/cart/merging", json={"cart_token": token}, anonymous=True, expect=401)
    for _ in range(2):  # merging is idempotent
        merged = buyer.call("POST", "/shopping/v1/cart/merging", json={"cart_token": token}).json()
        assert [entry["product_id"] for entry in merged["cart"]["items"]] == [own, chosen]
    left = buyer.call("GET", "/shopping/v1/anonymous-cart", headers=header, anonymous=True).json()
    assert left["items"] == []
    logs = [log.read_text(errors="replace") for log in (platform.run_dir / "logs").iterdir()]
    assert not any(token in log for log in logs), "a cart token is in no log"
