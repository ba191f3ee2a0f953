"""Browsing with filters, sort orders and stable paging."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pymongo import MongoClient, monitoring

from libs.chassis import clock, db
from services.shopping import document_store, rebuild
from services.shopping.catalogue import browsing
from services.shopping.catalogue.browsing import ProductFilter
from services.shopping.holds import creation, settlement
from services.shopping.products import product_store, search_index
from services.shopping.products.rules import Product
from services.shopping.settings import ShoppingSettings
from tests.integration.shopping.conftest import id_of

Maker = Callable[..., Product]
pytestmark = [pytest.mark.usefixtures("shopping"), pytest.mark.story("b-pr-01")]


@pytest.fixture
def commands(shopping: ShoppingSettings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the commands that the document database receives."""
    seen: list[str] = []

    class Listener(monitoring.CommandListener):
        def started(self, event: monitoring.CommandStartedEvent) -> None:
            seen.append(event.command_name)

        def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...
        def failed(self, event: monitoring.CommandFailedEvent) -> None: ...

    client: MongoClient[Any] = MongoClient(shopping.mongo_url, event_listeners=[Listener()])
    name = product_store.products_collection().database.name
    monkeypatch.setattr(document_store, "mongo_database", lambda: client[name])
    return seen


def ids(page: dict[str, Any]) -> list[str]:
    return [product.id for product in page["items"]]


def browse(sort: str = "newest", **filters: Any) -> list[str]:
    return ids(browsing.browse(ProductFilter(**filters), sort, 100, None))


def test_filters_and_their_combination(published: Maker) -> None:
    coat = published(4900)
    dress = published(
        2900,
        title="Silk dress",
        description="Red dots.",
        category="dresses",
        brand="Ana & Filhas",
        colour="red",
        condition="good",
        sizes=[{"system": "letter", "value": "M"}, {"system": "UK", "value": "12"}],
    )
    assert browse() == [dress.id, coat.id]
    for filters in (
        {"category": "dresses"},
        {"brand": "ana & filhas"},
        {"colour": "Red"},
        {"condition": "good"},
        {"size": ["m"]},
        {"size": ["UK 12"]},
        {"size": ["EU 40", "EU 60"]},
        {"q": "silk dresses"},
        {"q": "dots"},
        {"price_max": 2900},
        {"price_min": 1, "price_max": 4899},
        {"category": "dresses", "size": ["12"], "q": "silk", "price_max": 3000},
    ):
        assert browse(**filters) == [dress.id], filters
    assert browse(category="dresses", size=["38"]) == []
    assert browse(q="silk coat") == []


def test_the_sort_orders(published: Maker) -> None:
    middle, expensive, cheap = published(2000), published(3000), published(1000)
    assert browse("newest") == [cheap.id, expensive.id, middle.id]
    assert browse("price_asc") == [cheap.id, middle.id, expensive.id]
    assert browse("price_desc") == [expensive.id, middle.id, cheap.id]


@pytest.mark.parametrize("sort", ["newest", "price_asc", "price_desc"])
def test_paging_is_stable_while_products_are_sold(published: Maker, sort: str) -> None:
    products = [published(1000 + number // 3) for number in range(10)]
    expected = browse(sort)
    first = browsing.browse(ProductFilter(), sort, 4, None)
    sold_on_page_one, sold_on_page_two = expected[1], expected[5]
    for order_id, product_id in ((id_of("bor", "1"), sold_on_page_one), (id_of("bor", "2"), sold_on_page_two)):
        with db.unit_of_work():
            creation.create_hold(order_id, id_of("usr", "a"), [product_id])
    second = browsing.browse(ProductFilter(), sort, 4, first["next_cursor"])
    third = browsing.browse(ProductFilter(), sort, 4, second["next_cursor"])
    shown = ids(first) + ids(second) + ids(third)
    assert shown == [product_id for product_id in expected if product_id != sold_on_page_two]
    assert third["next_cursor"] is None
    assert len(products) == 10


def test_the_last_page_has_no_cursor_even_when_it_is_full(published: Maker) -> None:
    for _ in range(4):
        published()
    first = browsing.browse(ProductFilter(), "newest", 2, None)
    second = browsing.browse(ProductFilter(), "newest", 2, first["next_cursor"])
    assert (len(second["items"]), second["next_cursor"]) == (2, None)


def test_held_and_sold_products_are_not_listed_but_keep_their_page(published: Maker) -> None:
    coat = published()
    with db.unit_of_work():
        creation.create_hold(id_of("bor", "1"), id_of("usr", "a"), [coat.id])
    assert browse() == []
    assert browsing.get_product(coat.id).state == "held"
    with db.unit_of_work():
        settlement.settle_authorized_payment(id_of("bor", "1"), id_of("usr", "a"))
    assert browsing.get_product(coat.id).state == "sold"


def test_a_misspelt_query_is_corrected_and_reported(published: Maker) -> None:
    coats = [published().id for _ in range(3)]
    published(title="Silk dress", category="dresses", description="Red.", brand="Ana")
    for query in ("nawy coat", "lisbao"):
        page = browsing.browse(ProductFilter(q=query), "newest", 2, None)
        assert ids(page) == coats[:0:-1], query
        rest = browsing.browse(ProductFilter(q=query), "newest", 2, page["next_cursor"])
        assert (ids(rest), rest["next_cursor"], rest["corrected_query"]) == (
            coats[:1],
            None,
            page["corrected_query"],
        )
    assert browsing.browse(ProductFilter(q="nawy coat"), "newest", 2, None)["corrected_query"] == "navy coat"
    correct = browsing.browse(ProductFilter(q="coat"), "newest", 2, None)
    assert correct["corrected_query"] is None
    nothing = browsing.browse(ProductFilter(q="zeppelin"), "newest", 2, None)
    assert (nothing["items"], nothing["corrected_query"]) == ([], None)


def test_facets_count_the_matches_of_each_value(published: Maker) -> None:
    women = {"attributes": {"cut": "women"}}
    published(**women)
    published(**women, brand="LISBOA LÃ")
    published(**women, brand="Ana", colour="red", sizes=[{"system": "UK", "value": "12"}])
    facets = browsing.count_facets(ProductFilter())
    assert facets["is_complete"] is True
    assert {value["value"]: value["count"] for value in facets["facets"]["colour"]} == {"navy": 2, "red": 1}
    assert [value["count"] for value in facets["facets"]["brand"]] == [2, 1]
    for name, values in facets["facets"].items():
        for counted in values:
            value = [counted["value"]] if name == "size" else counted["value"]
            assert len(browse(**{name: value})) == counted["count"], (name, counted)
    narrowed = browsing.count_facets(ProductFilter(colour="red"))["facets"]
    assert [value["value"] for value in narrowed["brand"]] == ["Ana"]
    none = browsing.count_facets(ProductFilter(q="zeppelin"))
    assert (none["facets"]["brand"], none["corrected_query"]) == ([], None)


def test_facets_correct_spelling_as_browsing_does(published: Maker) -> None:
    published(title="Navy wool coat")
    product_filter = ProductFilter(q="navvy coat")
    page, facets = browsing.browse(product_filter, "newest", 20, None), browsing.count_facets(product_filter)
    assert page["corrected_query"] == facets["corrected_query"] == "navy coat"
    assert facets["facets"]["colour"] == [{"value": "navy", "count": len(page["items"])}]
    assert browsing.count_facets(ProductFilter(q="navy coat"))["corrected_query"] is None


def test_incomplete_counts_are_reported(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "MAX_COUNTED", 2)
    for _ in range(3):
        published()
    facets = browsing.count_facets(ProductFilter())
    assert (facets["is_complete"], facets["facets"]["category"]) == (False, [{"value": "coats", "count": 2}])


def test_outdated_search_terms_are_rebuilt(published: Maker) -> None:
    coat = published()
    outdated: dict[str, Any] = {"$set": {"search_terms": []}, "$unset": {"facets": "", "terms_version": ""}}
    product_store.products_collection().update_one({"_id": coat.id}, outdated)
    assert browse(size=["UK 10"]) == []
    [planned] = search_index.rebuild_search_index(dry_run=True)
    assert planned["product"] == coat.id
    assert browse(size=["UK 10"]) == []
    assert search_index.rebuild_search_index() == [planned]
    assert search_index.rebuild_search_index() == []
    assert browse(size=["UK 10"]) == [coat.id]
    assert browsing.count_facets(ProductFilter())["facets"]["colour"] == [{"value": "navy", "count": 1}]
    refreshed = product_store.find_product(coat.id)
    assert refreshed is not None
    assert (refreshed.version, refreshed.updated_at) == (coat.version, coat.updated_at)


def test_a_dry_run_lists_what_the_command_rebuilds(
    published: Maker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    coat = published()
    product_store.products_collection().update_one({"_id": coat.id}, {"$unset": {"terms_version": ""}})
    monkeypatch.setattr(rebuild, "start_process", lambda name: None)
    report = {"rebuild": "search-terms", "product": coat.id, "terms_version": None}
    for arguments, expected in ((["--dry-run"], [report]), (["--only", "search-terms"], [report]), ([], [])):
        monkeypatch.setattr("sys.argv", ["rebuild", *arguments])
        rebuild.main()
        assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == expected


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ({"state": "published"}, product_store.NEWEST_FIRST),
        ({"state": "published"}, product_store.BY_PRICE),
        ({"state": "published", "search_terms": "brand:x"}, product_store.NEWEST_FIRST),
        ({"state": "published", "search_terms": "brand:x"}, product_store.BY_PRICE),
        ({"state": "draft"}, [("_id", -1)]),
        ({"state": "priced", "publish_at": {"$lte": clock.now()}}, [("publish_at", 1)]),
        ({"terms_version": {"$in": [None, 1]}}, None),
        ({"photos_version": {"$in": [None, 1]}}, None),
        ({"files_to_delete.at": {"$lte": clock.now()}}, None),
        ({"unconfirmed_files.at": {"$lte": clock.now()}}, None),
        ({"outbox.at": {"$lt": clock.now()}}, None),
        ({"donation.order_id": "dor_1"}, [("_id", 1)]),
    ],
)
def test_every_query_uses_an_index(published: Maker, query: dict[str, Any], order: Any) -> None:
    published()
    found = product_store.products_collection().find(query)
    plan = str((found.sort(order) if order else found).explain())
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan


def test_a_page_takes_one_query(published: Maker, commands: list[str]) -> None:
    for _ in range(5):
        published()
    commands.clear()
    assert len(browse()) == 5
    assert commands == ["find"]
    commands.clear()
    browsing.count_facets(ProductFilter())
    assert commands == ["aggregate", "aggregate"]
