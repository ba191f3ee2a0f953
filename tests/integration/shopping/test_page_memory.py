"""Pages of the catalogue are remembered until a product changes, and never a moment longer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis.exceptions import ConnectionError as CacheAway

from libs.chassis import db, security
from libs.chassis.cache import redis_client
from libs.chassis.money import Money
from services.shopping.catalogue import browsing, page_cache
from services.shopping.catalogue.api import browse_products, count_product_facets, get_product
from services.shopping.holds import settlement
from services.shopping.inventory import staff_actions
from services.shopping.products import product_store
from services.shopping.products.rules import Product, ProductNotFound
from tests.integration.shopping.conftest import MANAGER, id_of

Maker = Callable[..., Product]
pytestmark = [pytest.mark.usefixtures("shopping"), pytest.mark.story("b-pr-01")]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was really looked for in the database."""
    asked: list[str] = []
    for name in ("browse", "count_facets"):
        real = getattr(browsing, name)

        def note(*arguments: object, name: str = name, real: Callable[..., object] = real) -> object:
            asked.append(name)
            return real(*arguments)

        monkeypatch.setattr(browsing, name, note)
    monkeypatch.setattr(page_cache, "_pages", {})
    monkeypatch.setattr(page_cache, "_cache_away_until", float("-inf"))
    return asked


def test_a_page_is_made_once_until_a_product_changes(published: Maker, made: list[str]) -> None:
    coat = published(4900)
    for _ in range(3):
        assert browse_products()["items"][0]["price"]["amount"] == 4900
        assert count_product_facets()["facets"]["colour"] == [{"value": "navy", "count": 1}]
    assert made == ["browse", "count_facets"]
    with security.use_principal(MANAGER), db.unit_of_work():
        staff_actions.set_price(coat, Money(3900, "EUR"))
    assert browse_products()["items"][0]["price"]["amount"] == 3900
    with db.unit_of_work():
        settlement.create_hold(id_of("bor", "1"), id_of("usr", "a"), [coat.id])
    assert browse_products()["items"] == []
    assert count_product_facets()["facets"]["colour"] == []
    with db.unit_of_work():
        settlement.release_hold(id_of("bor", "1"))
    assert [item["id"] for item in browse_products()["items"]] == [coat.id]


def test_a_change_while_a_page_is_made_is_not_lost(
    published: Maker, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    published()
    key, old = "a page", {"items": ["old"]}

    def make_slowly() -> dict[str, list[str]]:
        page_cache.forget()  # another process changes a product after the page was read
        return old

    assert page_cache.remembered(key, make_slowly) == old
    assert page_cache.remembered(key, lambda: {"items": ["new"]}) == {"items": ["new"]}


def test_a_process_that_died_before_it_could_tell_is_noticed_soon(
    made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    browse_products()
    monkeypatch.setattr(page_cache, "KEPT_SECONDS", -1.0)
    monkeypatch.setattr(page_cache, "_pages", {})
    browse_products()
    browse_products()
    assert made == ["browse"] * 3


def test_a_lost_cache_remembers_nothing_wrong(published: Maker, made: list[str]) -> None:
    published()
    browse_products()
    redis_client().flushdb()
    assert len(browse_products()["items"]) == 1
    assert made == ["browse"] * 2


def test_without_the_cache_every_page_is_made(
    published: Maker, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    coat = published()
    browse_products()

    def away() -> None:
        raise CacheAway

    monkeypatch.setattr(page_cache, "redis_client", away)
    for _ in range(2):
        assert [item["id"] for item in browse_products()["items"]] == [coat.id]
    assert made == ["browse"] * 3
    page_cache.forget()  # no error to whoever sells


def test_one_request_makes_a_page_and_the_others_wait_for_it(made: list[str]) -> None:
    asked, may_go = threading.Semaphore(0), threading.Event()
    calls: list[int] = []

    def make_slowly() -> dict[str, list[str]]:
        calls.append(1)
        asked.release()
        assert may_go.wait(10)
        return {"items": ["coat"]}

    with ThreadPoolExecutor(8) as threads:
        pages = [threads.submit(page_cache.remembered, "a page", make_slowly) for _ in range(8)]
        asked.acquire()
        may_go.set()
        assert [page.result(10) for page in pages] == [{"items": ["coat"]}] * 8
    assert len(calls) == 1


def test_a_page_that_could_not_be_made_is_made_by_the_next_who_asks(made: list[str]) -> None:
    def fail() -> dict[str, list[str]]:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        page_cache.remembered("a page", fail)
    assert page_cache.remembered("a page", lambda: {"items": []}) == {"items": []}


def test_a_product_is_looked_up_once_until_it_changes(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    find = product_store.find_products

    def note(product_ids: list[str]) -> dict[str, Product]:
        looked_up.extend(product_ids)
        return find(product_ids)

    monkeypatch.setattr(product_store, "find_products", note)
    coat, hat = published(4900), published(900)
    for _ in range(3):
        assert get_product(coat.id)["price"]["amount"] == 4900
        assert set(browsing.find_products([coat.id, hat.id])) == {coat.id, hat.id}
    assert looked_up == [coat.id, hat.id]
    with security.use_principal(MANAGER), db.unit_of_work():
        staff_actions.set_price(coat, Money(3900, "EUR"))
    assert get_product(coat.id)["price"]["amount"] == 3900


def test_a_product_that_there_is_not_is_looked_for_each_time(published: Maker) -> None:
    unknown = id_of("prd", "later")
    assert browsing.find_products([unknown]) == {}
    with pytest.raises(ProductNotFound):
        get_product(unknown)
