"""The currency of the platform changes only while shopping and billing have stored nothing in another one."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.admin.support import Send
from tests.support.harness import Harness

PATH = "/admin/v1/settings/billing.currency"


class FakePeers:
    """The currencies that shopping and billing have stored; None stands for a service that is down."""

    def __init__(self) -> None:
        self.prices: list[str] | None = []
        self.amounts: list[str] | None = []

    def respond(self, request: httpx.Request) -> httpx.Response:
        currencies = {"/shopping/v1/currencies": self.prices, "/billing/v1/currencies": self.amounts}[
            request.url.path
        ]
        if currencies is None:
            raise httpx.ConnectError("down", request=request)
        return httpx.Response(200, json={"currencies": currencies})


@pytest.fixture
def peers(admin: Harness) -> FakePeers:
    fake = FakePeers()
    admin.play_peers(fake.respond)
    return fake


@pytest.fixture
def manager(admin: Harness) -> Send:
    return admin.as_user("marta", "admin:settings:read admin:settings:write", "internal", roles=["manager"])


def currency(send: Send) -> str:
    items = send("GET", "/admin/v1/settings").json()["items"]
    value: str = next(item["value"] for item in items if item["name"] == "billing.currency")
    return value


@pytest.mark.parametrize(
    ("prices", "amounts", "named"),
    [(["EUR"], [], "prices in EUR"), (["USD"], ["EUR"], "payments in EUR"), (["CHF", "USD"], ["EUR"], "CHF, EUR")],
)
def test_the_currency_is_kept_while_amounts_in_another_one_are_stored(
    manager: Send, peers: FakePeers, prices: list[str], amounts: list[str], named: str
) -> None:
    peers.prices, peers.amounts = prices, amounts
    refused = manager("PUT", PATH, json={"value": "USD"})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "currency-in-use")
    assert named in refused.json()["detail"]
    assert currency(manager) == "EUR"


def test_the_currency_changes_while_nothing_is_stored_in_another_one(manager: Send, peers: FakePeers) -> None:
    peers.prices = ["USD"]
    assert manager("PUT", PATH, json={"value": "USD"}).status_code == 200
    assert currency(manager) == "USD"
    peers.prices, peers.amounts = ["EUR"], None
    assert manager("PUT", PATH, json={"value": "USD"}).status_code == 200, "that is no change"


def test_the_currency_is_kept_while_a_service_is_down(manager: Send, peers: FakePeers) -> None:
    peers.amounts = None
    assert manager("PUT", PATH, json={"value": "USD"}).status_code == 503
    assert currency(manager) == "EUR"


@pytest.mark.parametrize("value", ["QQQ", "XXX", "usd", "EUR "])
def test_only_a_code_of_iso_4217_is_a_currency(manager: Send, peers: FakePeers, value: str) -> None:
    assert manager("PUT", PATH, json={"value": value}).status_code == 422
