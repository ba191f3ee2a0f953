"""Two hundred buyers each try to buy all of twenty unique coats: each coat is sold once and paid once.

Some pay with coins, the others by card. Each service of the platform has two web processes, so that nothing inside
one process can serialize the requests.
"""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pymongo
import pytest

from tests.attacks.gateways import UnthrottledGateway, without_throttles
from tests.support.platform import RunningPlatform
from tools.demo.people import (
    Customer,
    Json,
    Mailbox,
    Staff,
    UnexpectedResponse,
    idempotency_key,
    verification_token,
    wait_for,
)

BUYERS, COATS, THREADS = 200, 20, 24
WITH_COINS, COINS = 60, 40_000
PAUSES = (1, 2, 4, 8)


@pytest.fixture(scope="module")
def gateway(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnthrottledGateway]:
    """The external gateway without throttles, because all buyers have one address."""
    with without_throttles(platform, "external", tmp_path_factory.mktemp("race") / "gateway") as gateway:
        yield gateway


@pytest.fixture
def buyers(
    gateway: UnthrottledGateway, platform: RunningPlatform, pool: ThreadPoolExecutor
) -> Iterator[list[Customer]]:
    """Customers who are verified and logged in."""
    mailbox, run = Mailbox(platform.maildir), uuid.uuid4().hex[:8]
    buyers = [
        Customer(gateway.url, gateway.ca_file, f"racer.{run}.{number}@race.example", f"pass-{uuid.uuid4().hex}")
        for number in range(BUYERS)
    ]
    list(pool.map(lambda buyer: buyer.register("Rita Racer"), buyers))
    mails = wait_for("a mail to each buyer", lambda: _verification_mails(mailbox, buyers), seconds=120)

    def log_in(buyer: Customer) -> None:
        buyer.confirm_email(verification_token(mails[buyer.user_name]))
        buyer.log_in()

    list(pool.map(log_in, buyers))
    yield buyers
    for buyer in buyers:
        buyer.close()


def _verification_mails(mailbox: Mailbox, buyers: list[Customer]) -> dict[str, str] | None:
    addresses = {buyer.user_name for buyer in buyers}
    mails = {address: text for address, text in mailbox.all_mails("confirm") if address in addresses}
    return mails if mails.keys() == addresses else None


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


@dataclass
class Race:
    """The results of all attempts to buy a coat."""

    location_id: str
    payers_with_coins: set[str]
    results: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    orders: list[tuple[Customer, Json]] = field(default_factory=list)

    def run(self, buyer: Customer, coats: list[str]) -> None:
        for coat_id in random.sample(coats, len(coats)):
            try:
                order = self._place(buyer, coat_id)
            except UnexpectedResponse as error:
                self.results[_reason(error)] += 1
            else:
                self.results["placed"] += 1
                self.orders.append((buyer, order))
                self._pay(buyer, order)

    def _place(self, buyer: Customer, coat_id: str) -> Json:
        """Place an order; a 503 is retried with the same idempotency key."""
        key = idempotency_key()
        for pause in PAUSES:
            try:
                return buyer.place_order([coat_id], self.location_id, key=key)
            except UnexpectedResponse as error:
                if error.response.status_code != 503:
                    raise
            self.retries += 1
            time.sleep(pause)
        return buyer.place_order([coat_id], self.location_id, key=key)

    def _pay(self, buyer: Customer, order: Json) -> None:
        if buyer.user_name in self.payers_with_coins:
            body = {"order_id": order["id"], "method": "coins"}
            buyer.call("POST", "/billing/v1/payments", json=body, headers=idempotency_key(), expect=201)
        else:
            buyer.pay(order["id"], buyer.card())


def _reason(error: UnexpectedResponse) -> str:
    """'product-unavailable' for the expected 409, otherwise the whole response."""
    response = error.response
    slug = response.json().get("type", "").rpartition("/")[2]
    return slug if (response.status_code, slug) == (409, "product-unavailable") else str(error)


@pytest.mark.real_servers(only=True)
@pytest.mark.alone
@pytest.mark.timeout(900)
def test_each_of_twenty_coats_is_sold_to_one_of_two_hundred_buyers(
    platform: RunningPlatform,
    published_coat: Callable[..., str],
    buyers: list[Customer],
    pool: ThreadPoolExecutor,
    manager: Staff,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    prices = {published_coat(price=1000 + 37 * number): 1000 + 37 * number for number in range(COATS)}
    coin_buyers = random.sample(buyers, WITH_COINS)
    list(pool.map(lambda buyer: give_coins(manager, buyer), coin_buyers))
    race = Race(buyers[0].locations()[0]["id"], {buyer.user_name for buyer in coin_buyers})
    started = time.monotonic()
    list(pool.map(lambda buyer: race.run(buyer, list(prices)), buyers))
    seconds = time.monotonic() - started

    assert race.results == {"placed": COATS, "product-unavailable": BUYERS * COATS - COATS}
    sold = Counter(item["product_id"] for _, order in race.orders for item in order["items"])
    assert sold == Counter(dict.fromkeys(prices, 1)), "each coat is sold once"
    paid = [wait_for_paid(buyer, order) for buyer, order in race.orders]
    assert sum(order["total"]["amount"] for order in paid) == sum(prices.values())
    payments = [
        payment
        for buyer in {id(buyer): buyer for buyer, _ in race.orders}.values()
        for payment in list_payments(buyer)
    ]
    assert {payment["order_id"] for payment in payments} == {order["id"] for order in paid}
    assert Counter(payment["state"] for payment in payments) == {"captured": COATS}
    assert sum(payment["amount"]["amount"] for payment in payments) == sum(prices.values())
    spent = Counter[str]()
    for payment in payments:
        spent[payment["buyer"]] += payment["coins"] or 0
    for buyer in coin_buyers:
        left = buyer.call("GET", "/billing/v1/coins").json()
        assert left == {"balance": COINS - spent[buyer.user_name], "debt": 0}
    wait_for("no authorized payment to be left", lambda: True if count_authorized(platform) == 0 else None)
    wait_for("no active hold to be left", lambda: True if count_active_holds(platform, list(prices)) == 0 else None)
    for coat_id in prices:
        product = manager.call("GET", f"/shopping/v1/inventory/{coat_id}").json()
        assert product["state"] == "sold"

    stores = request.node.callspec.params["stack"]
    for name, figure in (
        ("attempts", BUYERS * COATS),
        ("sales", COATS),
        ("conflicts", race.results["product-unavailable"]),
        ("retries after a 503", race.retries),
        ("milliseconds", round(seconds * 1000)),
    ):
        record_property(f"race on {stores}, {name}", figure)


def wait_for_paid(buyer: Customer, order: Json) -> Json:
    return buyer.wait_for_order(order["id"], "paid")


def give_coins(manager: Staff, buyer: Customer) -> None:
    body = {"person_id": buyer.user_id, "coins": COINS, "note": "for the race"}
    manager.call("POST", "/billing/v1/coin-records", json=body, headers=idempotency_key(), expect=201)


def list_payments(buyer: Customer) -> list[Json]:
    payments: list[Json] = buyer.call("GET", "/billing/v1/payments", params={"limit": 100}).json()["items"]
    return [payment | {"buyer": buyer.user_name} for payment in payments]


def count_authorized(platform: RunningPlatform) -> int:
    """The number of payments at the provider that are authorized and neither captured nor voided."""
    url = f"http://127.0.0.1:{platform.layout.port('localstripe')}/v1/payment_intents"
    response = httpx.get(url, params={"limit": 100}, headers={"Authorization": "Bearer sk_test_12345"})
    return sum(intent["status"] == "requires_capture" for intent in response.raise_for_status().json()["data"])


def count_active_holds(platform: RunningPlatform, coats: list[str]) -> int:
    """The number of active holds of these coats in the document database."""
    url = f"mongodb://127.0.0.1:{platform.layout.port('secantus')}/shopping"
    with pymongo.MongoClient(url) as client:
        holds = client.get_default_database()["holds"]
        return holds.count_documents({"state": "active", "items.product_id": {"$in": coats}})
