"""cart.lua does in ElastiCache exactly what cart_entries.py says, on Redis and on Valkey."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.shopping.cart import cart_cache
from services.shopping.cart.rules import (
    EMPTY_CART,
    MAX_REMOVED,
    CartChange,
    CartEntry,
    CartIsFull,
    StoredCart,
    apply_changes,
    merge,
)
from tests.integration.shopping.servers import CacheServer
from tests.support.servers import need, valkey

CUSTOMER = "usr_1"


@pytest.fixture(params=["valkey", pytest.param("redis", marks=pytest.mark.full)])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CacheServer]:
    program = valkey() if request.param == "valkey" else need("redis-server", "redis-server")
    started = CacheServer(program, tmp_path)
    started.start()
    monkeypatch.setattr(cart_cache, "redis_client", started.client)
    yield started
    started.kill()


def at(monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    monkeypatch.setattr(cart_cache, "now_ms", lambda: moment)


def random_entry(chance: random.Random) -> CartEntry:
    product_id = chance.choice("abcdef")
    return CartEntry(
        product_id,
        chance.randint(1, 60),
        chance.random() < 0.6,
        chance.randint(1, 60),
        chance.choice([5, 7]),
        "EUR",
    )


def random_change(chance: random.Random) -> CartChange:
    if chance.random() < 0.4:
        return CartChange(chance.choice("abcdef"), False, added_until_ms=chance.choice([0, chance.randint(1, 40)]))
    return CartChange(chance.choice("abcdef"), True, chance.choice([5, 7]), "EUR")


@pytest.mark.parametrize("seed", range(8))
def test_script_and_rules_agree_over_random_steps(
    server: CacheServer, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    model = EMPTY_CART
    for step in range(40):
        moment = 1 + step
        at(monkeypatch, moment)
        if chance.random() < 0.4:
            entries = [random_entry(chance) for _ in range(chance.randint(0, 4))]
            other = StoredCart(chance.randint(0, step), chance.randint(0, 50), {e.product_id: e for e in entries})
            model = merge(model, other)
            assert cart_cache.take_step(CUSTOMER, other=other, other_is_saved=True).cart == model
        else:
            changes = [random_change(chance) for _ in range(chance.randint(1, 3))]
            took = cart_cache.take_step(CUSTOMER, changes=changes, max_items=4)
            try:
                after = apply_changes(model, changes, now_ms=moment, max_items=4)
            except CartIsFull:
                assert took.outcome == "full"
                continue
            assert took.outcome == ("changed" if after.version != model.version else "unchanged")
            model = after
            assert took.cart == model
    assert cart_cache.take_step(CUSTOMER).cart == model


def test_script_and_rules_forget_the_same_things_taken_out(
    server: CacheServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = EMPTY_CART
    for number in range(MAX_REMOVED + 10):
        at(monkeypatch, number)
        for change in (CartChange(f"p{number}", True, 1, "EUR"), CartChange(f"p{number}", False)):
            model = apply_changes(model, [change], now_ms=number, max_items=5)
            took = cart_cache.take_step(CUSTOMER, changes=[change], max_items=5).cart
    assert took == model
    assert len(model.entries) == MAX_REMOVED


def test_a_copy_counts_only_after_a_check_on_this_run_of_the_server(server: CacheServer) -> None:
    put = [CartChange("a", True, 5, "EUR")]
    assert cart_cache.take_step(CUSTOMER, changes=put, max_items=5, only_if_checked=True).outcome == "unchecked"
    saved = StoredCart(3, 9, {"b": CartEntry("b", 2, True, 2, 7, "EUR")})
    step = cart_cache.take_step(CUSTOMER, changes=put, max_items=5, other=saved, other_is_saved=True)
    assert (step.outcome, step.cart.version) == ("changed", 4)
    assert cart_cache.take_step(CUSTOMER, only_if_checked=True).outcome == "unchanged"
    server.take_snapshot()
    server.kill()
    server.start()
    assert cart_cache.take_step(CUSTOMER, only_if_checked=True).outcome == "unchecked"
    assert cart_cache.take_step(CUSTOMER).cart == step.cart


def test_a_cart_is_unsaved_until_this_very_version_was_seen_saved(server: CacheServer) -> None:
    def unsaved() -> list[str]:
        return cart_cache.unsaved_customer_ids(older_than_ms=10**15, limit=10)

    first = cart_cache.take_step(CUSTOMER, changes=[CartChange("a", True, 5, "EUR")], max_items=5).cart
    second = cart_cache.take_step(CUSTOMER, changes=[CartChange("b", True, 5, "EUR")], max_items=5).cart
    assert unsaved() == [CUSTOMER]
    cart_cache.take_step(CUSTOMER, other=first, other_is_saved=True)
    assert unsaved() == [CUSTOMER]
    cart_cache.take_step(CUSTOMER, other=second, other_is_saved=True)
    assert unsaved() == []


def test_a_read_writes_nothing(server: CacheServer) -> None:
    saved = StoredCart(1, 9, {})
    cart_cache.take_step(CUSTOMER, other=saved, other_is_saved=True)
    before = server.client().info("persistence")["rdb_changes_since_last_save"]
    cart_cache.take_step(CUSTOMER, only_if_checked=True)
    assert server.client().info("persistence")["rdb_changes_since_last_save"] == before
