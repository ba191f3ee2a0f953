"""Holds without an order: the job queries the customer service and releases them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import httpx
import pytest

from libs.chassis import clock, consistency, service_client, settings, system_settings
from services.shopping.events import registry
from services.shopping.holds import hold_store
from services.shopping.products.rules import Product
from services.shopping.settings import ShoppingSettings
from tests.integration.shopping.conftest import id_of, outbox
from tests.integration.shopping.test_holds import hold, payment_authorized, state
from tests.support.states import LATER, PeerStates, attempted, compare

Maker = Callable[..., Product]
SOLD, RELEASED = "shopping.hold.sold.v1", "shopping.hold.released.v1"


@pytest.fixture
def states(shopping: ShoppingSettings) -> PeerStates:
    urls = {name: f"https://{name}.test" for name in settings.PEERS}
    settings.use_settings(dataclasses.replace(shopping, peer_urls=urls))
    peers = PeerStates()
    service_client.set_transport(httpx.MockTransport(peers.respond))
    return peers


def expired(order_id: str) -> tuple[str, dict[str, str]]:
    return "customer.buying_order.expired.v1", {"order_id": order_id, "buyer_id": id_of("usr", "a")}


def test_a_hold_without_an_order_is_released(published: Maker, states: PeerStates) -> None:
    lost, ended, kept = published(), published(), published()
    for name, product in (("lost", lost), ("ended", ended), ("kept", kept)):
        hold(id_of("bor", name), product)
    states.know("customer", id_of("bor", "ended"), expired(id_of("bor", "ended")))
    states.know("customer", id_of("bor", "kept"))
    compare(registry)
    assert (state(lost), state(ended), state(kept)) == ("published", "published", "held")
    compare(registry, runs=3)
    assert attempted() == {
        ("hold_without_order", id_of("bor", "lost")),
        ("hold_without_order", id_of("bor", "ended")),
    }


def test_a_new_hold_is_not_queried(published: Maker, states: PeerStates) -> None:
    hold(id_of("bor", "1"), published())
    consistency.compare_with_other_domains(registry)
    assert states.queries == []


@pytest.mark.parametrize("minutes", [5, 30])
def test_the_age_of_a_hold_does_not_depend_on_the_current_setting(
    published: Maker, states: PeerStates, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    old, new = published(), published()
    hold(id_of("bor", "old"), old)
    with clock.freeze(clock.now() + LATER):
        hold(id_of("bor", "new"), new)
    system_settings.use_values({"shopping.hold_minutes": minutes})
    compare(registry)
    assert states.queries == [("customer", [id_of("bor", "old")])]


def test_holds_stay_while_customer_is_unavailable(published: Maker, states: PeerStates) -> None:
    product = published()
    hold(id_of("bor", "1"), product)
    states.unavailable.add("customer")
    compare(registry)
    assert state(product) == "held"


@pytest.mark.usefixtures("states")
def test_the_state_of_a_hold_is_described_by_events(published: Maker) -> None:
    sold, active, deleted = id_of("bor", "sold"), id_of("bor", "active"), id_of("bor", "deleted")
    for order_id in (sold, active, deleted):
        hold(order_id, published())
    payment_authorized(sold)
    hold_store.holds_collection().delete_one({"_id": deleted})
    before = outbox(SOLD)
    items = consistency.describe_states(registry, [sold, active, deleted])["items"]
    assert [item["knowledge"] for item in items] == ["known", "known", "unknown"]
    assert [[event["type"] for event in item["events"]] for item in items] == [[SOLD], [], []]
    assert outbox(SOLD) == before
