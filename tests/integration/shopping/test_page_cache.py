"""Pages and products of the catalogue are cached until any product changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis.exceptions import ConnectionError as CacheUnavailable

from libs.chassis import db, security
from libs.chassis.cache import redis_client
from libs.chassis.money import Money
from services.shopping.catalogue import browsing, page_cache
from services.shopping.catalogue.api import browse_products, count_product_facets, get_product
from services.shopping.catalogue.page_cache import PageCache
from services.shopping.holds import creation, settlement
from services.shopping.inventory import staff_actions
from services.shopping.products import product_store, revision
from services.shopping.products.rules import Product, ProductNotFound
from tests.integration.shopping.conftest import MANAGER, id_of

Maker = Callable[..., Product]
pytestmark = [pytest.mark.usefixtures("shopping"), pytest.mark.story("b-pr-01")]


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions that queried the database."""
    calls: list[str] = []
    for name in ("browse", "count_facets"):
        original = getattr(browsing, name)

        def record(*arguments: object, name: str = name, original: Callable[..., object] = original) -> object:
            calls.append(name)
            return original(*arguments)

        monkeypatch.setattr(browsing, name, record)
    return calls


def test_a_page_is_loaded_once_until_a_product_changes(published: Maker, queries: list[str]) -> None:
    coat = published(4900)
    for _ in range(3):
        assert browse_products()["items"][0]["price"]["amount"] == 4900
        assert count_product_facets()["facets"]["colour"] == [{"value": "navy", "count": 1}]
    assert queries == ["browse", "count_facets"]
    with security.use_principal(MANAGER), db.unit_of_work():
        staff_actions.set_price(coat, Money(3900, "EUR"))
    assert browse_products()["items"][0]["price"]["amount"] == 3900
    with db.unit_of_work():
        creation.create_hold(id_of("bor", "1"), id_of("usr", "a"), [coat.id])
    assert browse_products()["items"] == []
    assert count_product_facets()["facets"]["colour"] == []
    with db.unit_of_work():
        settlement.release_hold(id_of("bor", "1"))
    assert [item["id"] for item in browse_products()["items"]] == [coat.id]


def test_a_page_that_a_change_overtakes_while_it_is_loaded_is_not_cached() -> None:
    cache, outdated = PageCache(), {"items": ["outdated"]}

    def load_slowly() -> dict[str, list[str]]:
        revision.replace_revision()  # another process changes a product after the page was read
        return outdated

    assert cache.get_page("a page", load_slowly) == outdated
    assert cache.get_page("a page", lambda: {"items": ["new"]}) == {"items": ["new"]}


def test_an_expired_page_is_loaded_again(queries: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "MAX_AGE_SECONDS", -1.0)
    browse_products()
    browse_products()
    assert queries == ["browse"] * 2


def test_a_new_cache_server_invalidates_all_pages(published: Maker, queries: list[str]) -> None:
    published()
    browse_products()
    redis_client().flushdb()
    assert len(browse_products()["items"]) == 1
    assert queries == ["browse"] * 2


def test_without_the_cache_server_every_page_is_loaded(
    published: Maker, queries: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    coat = published()
    browse_products()

    def fail() -> None:
        raise CacheUnavailable

    monkeypatch.setattr(revision, "redis_client", fail)
    for _ in range(2):
        assert [item["id"] for item in browse_products()["items"]] == [coat.id]
    assert queries == ["browse"] * 3
    revision.replace_revision()  # raises nothing, so that a sale succeeds


def test_one_request_loads_a_page_and_concurrent_ones_wait_for_it() -> None:
    cache = PageCache()
    started, may_finish = threading.Semaphore(0), threading.Event()
    calls: list[int] = []

    def load_slowly() -> dict[str, list[str]]:
        calls.append(1)
        started.release()
        assert may_finish.wait(10)
        return {"items": ["coat"]}

    with ThreadPoolExecutor(8) as threads:
        pages = [threads.submit(cache.get_page, "a page", load_slowly) for _ in range(8)]
        started.acquire()
        may_finish.set()
        assert [page.result(10) for page in pages] == [{"items": ["coat"]}] * 8
    assert len(calls) == 1


def test_a_page_whose_load_failed_is_loaded_by_the_next_request() -> None:
    cache = PageCache()

    def fail() -> dict[str, list[str]]:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        cache.get_page("a page", fail)
    assert cache.get_page("a page", lambda: {"items": []}) == {"items": []}


def test_a_product_is_looked_up_once_until_it_changes(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    find = product_store.find_products

    def record(product_ids: list[str]) -> dict[str, Product]:
        looked_up.extend(product_ids)
        return find(product_ids)

    coat, hat = published(4900), published(900)
    monkeypatch.setattr(product_store, "find_products", record)
    for _ in range(3):
        assert get_product(coat.id)["price"]["amount"] == 4900
        assert set(browsing.find_products([coat.id, hat.id])) == {coat.id, hat.id}
    assert looked_up == [coat.id, hat.id]
    with security.use_principal(MANAGER), db.unit_of_work():
        staff_actions.set_price(coat, Money(3900, "EUR"))
    assert get_product(coat.id)["price"]["amount"] == 3900


def test_a_missing_product_is_not_cached(shopping: object) -> None:
    unknown = id_of("prd", "later")
    assert browsing.find_products([unknown]) == {}
    with pytest.raises(ProductNotFound):
        get_product(unknown)
