"""Carts in ElastiCache: concurrent changes, comparison with the database, and unsaved carts (story b-pr-02)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.shopping.cart import cart_cache
from services.shopping.cart.cart_cache import CartNotCompared
from services.shopping.cart.rules import CartChange, CartEntry, CartIsFull, StoredCart
from tests.integration.shopping.servers import CacheServer
from tests.support.servers import need, valkey

pytestmark = pytest.mark.story("b-pr-02")
CUSTOMER = "usr_1"


@pytest.fixture(params=["valkey", pytest.param("redis", marks=pytest.mark.full)])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CacheServer]:
    program = valkey() if request.param == "valkey" else need("redis-server", "redis-server")
    started = CacheServer(program, tmp_path)
    started.start()
    client = started.client()
    monkeypatch.setattr(cart_cache, "redis_client", lambda: client)
    yield started
    started.kill()


def add(product_id: str) -> CartChange:
    return CartChange(product_id, True, 5, "EUR")


def change(*changes: CartChange, max_items: int = 5, must_be_compared: bool = False) -> tuple[StoredCart, bool]:
    return cart_cache.change_cart(CUSTOMER, changes, max_items=max_items, must_be_compared=must_be_compared)


def list_unsaved() -> list[str]:
    return cart_cache.list_unsaved(since_before_ms=10**15, limit=10)


def test_concurrent_changes_of_one_cart_are_all_applied(server: CacheServer) -> None:
    products = [f"prd_{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as threads:
        results = list(threads.map(lambda product_id: change(add(product_id), max_items=50), products))
    assert all(is_changed for _, is_changed in results)
    assert sorted(cart.version for cart, _ in results) == list(range(1, 13))
    assert sorted(cart_cache.get_copy(CUSTOMER).entries) == sorted(products)


def test_changes_beyond_the_limit_change_nothing(server: CacheServer) -> None:
    cart, _ = change(add("a"), max_items=1)
    with pytest.raises(CartIsFull):
        change(add("b"), max_items=1)
    assert cart_cache.get_copy(CUSTOMER) == cart


def test_a_copy_must_be_compared_once_on_each_run_of_the_server(server: CacheServer) -> None:
    with pytest.raises(CartNotCompared):
        change(add("a"), must_be_compared=True)
    cart_cache.merge_saved(CUSTOMER, StoredCart(3, 9, {"b": CartEntry("b", 2, True, 2, 7, "EUR")}))
    cart, is_changed = change(add("a"), must_be_compared=True)
    assert (cart.version, set(cart.entries), is_changed) == (4, {"a", "b"}, True)
    assert change(must_be_compared=True) == (cart, False)
    server.take_snapshot()
    server.kill()
    server.start()
    with pytest.raises(CartNotCompared):
        change(must_be_compared=True)
    assert cart_cache.get_copy(CUSTOMER) == cart


def test_a_cart_is_unsaved_until_its_latest_version_is_saved(server: CacheServer) -> None:
    first, _ = change(add("a"))
    second, _ = change(add("b"))
    assert list_unsaved() == [CUSTOMER]
    cart_cache.merge_saved(CUSTOMER, first)
    assert list_unsaved() == [CUSTOMER]
    cart_cache.merge_saved(CUSTOMER, second)
    assert list_unsaved() == []


def test_a_postponed_cart_is_not_listed(server: CacheServer) -> None:
    change(add("a"))
    cart_cache.postpone_unsaved(CUSTOMER, 10**15)
    assert cart_cache.list_unsaved(since_before_ms=10**15 - 1, limit=10) == []


def test_a_read_writes_nothing(server: CacheServer) -> None:
    cart_cache.merge_saved(CUSTOMER, StoredCart(1, 9, {}))
    before = server.client().info("persistence")["rdb_changes_since_last_save"]
    change(must_be_compared=True)
    assert server.client().info("persistence")["rdb_changes_since_last_save"] == before
