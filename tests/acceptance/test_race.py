"""Two hundred buyers, twenty unique coats, all trying to buy all: domain rules 1 and 2, through the gateway.

Some pay with coins, the others by card.

The services of the platform have two web processes each, so that nothing in one process can decide a race.
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

from tests.attacks.gateways import OpenGate, without_throttles
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

BUYERS, COATS, AT_ONCE = 200, 20, 24
WITH_COINS, COINS = 60, 40_000
PAUSES = (1, 2, 4, 8)


@pytest.fixture(scope="module")
def gate(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenGate]:
    """The external gateway without its throttles: all buyers come from one address."""
    with without_throttles(platform, "external", tmp_path_factory.mktemp("race") / "gate") as gate:
        yield gate


@pytest.fixture
def buyers(gate: OpenGate, platform: RunningPlatform, pool: ThreadPoolExecutor) -> Iterator[list[Customer]]:
    """Registered, confirmed, logged in."""
    mailbox, run = Mailbox(platform.maildir), uuid.uuid4().hex[:8]
    made = [
        Customer(gate.url, gate.ca_file, f"racer.{run}.{number}@race.example", f"pass-{uuid.uuid4().hex}")
        for number in range(BUYERS)
    ]
    list(pool.map(lambda buyer: buyer.register("Rita Racer"), made))
    mails = wait_for("a mail to each buyer", lambda: _mails(mailbox, made), seconds=120)

    def enter(buyer: Customer) -> None:
        buyer.confirm_email(verification_token(mails[buyer.user_name]))
        buyer.log_in()

    list(pool.map(enter, made))
    yield made
    for buyer in made:
        buyer.close()


def _mails(mailbox: Mailbox, buyers: list[Customer]) -> dict[str, str] | None:
    wanted = {buyer.user_name for buyer in buyers}
    found = {address: text for address, text in mailbox.all_mails("confirm") if address in wanted}
    return found if found.keys() == wanted else None


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool


@dataclass
class Race:
    """What happened to each try of a buyer to get a coat."""

    location_id: str
    payers_with_coins: set[str]
    answers: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    orders: list[tuple[Customer, Json]] = field(default_factory=list)

    def run(self, buyer: Customer, coats: list[str]) -> None:
        for coat_id in random.sample(coats, len(coats)):
            try:
                order = self._place(buyer, coat_id)
            except UnexpectedResponse as refused:
                self.answers[_reason(refused)] += 1
            else:
                self.answers["placed"] += 1
                self.orders.append((buyer, order))
                self._pay(buyer, order)

    def _place(self, buyer: Customer, coat_id: str) -> Json:
        """As a client does: a 503 of a busy service is repeated with the same key, and nothing is done twice."""
        key = idempotency_key()
        for pause in PAUSES:
            try:
                return buyer.place_order([coat_id], self.location_id, key=key)
            except UnexpectedResponse as refused:
                if refused.response.status_code != 503:
                    raise
            self.repeated += 1
            time.sleep(pause)
        return buyer.place_order([coat_id], self.location_id, key=key)

    def _pay(self, buyer: Customer, order: Json) -> None:
        if buyer.user_name in self.payers_with_coins:
            body = {"order_id": order["id"], "method": "coins"}
            buyer.call("POST", "/billing/v1/payments", json=body, headers=idempotency_key(), expect=201)
        else:
            buyer.pay(order["id"], buyer.card())


def _reason(refused: UnexpectedResponse) -> str:
    """'product-unavailable' for the clear 409 of a loser, else the whole answer."""
    response = refused.response
    slug = response.json().get("type", "").rpartition("/")[2]
    return slug if (response.status_code, slug) == (409, "product-unavailable") else str(refused)


@pytest.mark.real_servers(only=True)
@pytest.mark.alone
@pytest.mark.timeout(900)
def test_each_of_twenty_coats_goes_to_one_of_two_hundred_buyers(
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

    assert race.answers == {"placed": COATS, "product-unavailable": BUYERS * COATS - COATS}
    sold = Counter(item["product_id"] for _, order in race.orders for item in order["items"])
    assert sold == Counter(dict.fromkeys(prices, 1)), "each coat once"
    paid = [wait_for_paid(buyer, order) for buyer, order in race.orders]
    assert sum(order["total"]["amount"] for order in paid) == sum(prices.values())
    payments = [
        payment for buyer in {id(one): one for one, _ in race.orders}.values() for payment in payments_of(buyer)
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
    wait_for("no authorisation to be left over", lambda: True if not uncaptured(platform) else None)
    wait_for("no hold to be left over", lambda: True if not open_holds(platform, list(prices)) else None)
    for coat_id in prices:
        product = manager.call("GET", f"/shopping/v1/inventory/{coat_id}").json()
        assert product["state"] == "sold"

    stores = request.node.callspec.params["stack"]
    for name, figure in (
        ("tries", BUYERS * COATS),
        ("sales", COATS),
        ("conflicts", race.answers["product-unavailable"]),
        ("repeated after a 503", race.repeated),
        ("milliseconds", round(seconds * 1000)),
    ):
        record_property(f"race on {stores}, {name}", figure)


def wait_for_paid(buyer: Customer, order: Json) -> Json:
    return buyer.wait_for_order(order["id"], "paid")


def give_coins(manager: Staff, buyer: Customer) -> None:
    body = {"person_id": buyer.user_id, "coins": COINS, "note": "for the race"}
    manager.call("POST", "/billing/v1/coin-records", json=body, headers=idempotency_key(), expect=201)


def payments_of(buyer: Customer) -> list[Json]:
    found: list[Json] = buyer.call("GET", "/billing/v1/payments", params={"limit": 100}).json()["items"]
    return [payment | {"buyer": buyer.user_name} for payment in found]


def uncaptured(platform: RunningPlatform) -> int:
    """Cards whose money is set aside and neither taken nor given back, at the provider itself."""
    url = f"http://127.0.0.1:{platform.layout.port('localstripe')}/v1/payment_intents"
    found = httpx.get(url, params={"limit": 100}, headers={"Authorization": "Bearer sk_test_12345"})
    return sum(intent["status"] == "requires_capture" for intent in found.raise_for_status().json()["data"])


def open_holds(platform: RunningPlatform, coats: list[str]) -> int:
    """Holds that are still to be decided, counted in the database of documents itself."""
    url = f"mongodb://127.0.0.1:{platform.layout.port('secantus')}/shopping"
    with pymongo.MongoClient(url) as client:
        holds = client.get_default_database()["holds"]
        return holds.count_documents({"state": "active", "items.product_id": {"$in": coats}})
