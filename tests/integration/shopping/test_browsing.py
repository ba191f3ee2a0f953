"""Browsing on a real document database: filters, sorting, and pages that stand still while things are sold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from libs.chassis import db
from services.shopping import catalogue, holds, product_store
from services.shopping.catalogue import ProductFilter
from services.shopping.products import Product
from tests.integration.shopping.conftest import id_of

Maker = Callable[..., Product]
pytestmark = [pytest.mark.usefixtures("shopping"), pytest.mark.story("b-pr-01")]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind: nothing relational is at stake here."""
    return f"sqlite:///{tmp_path / 'test.db'}"


def ids(page: dict[str, Any]) -> list[str]:
    return [product.id for product in page["items"]]


def browse(sort: str = "newest", **wanted: Any) -> list[str]:
    return ids(catalogue.browse(ProductFilter(**wanted), sort, 100, None))


def test_each_filter_and_their_combination(published: Maker) -> None:
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
    for wanted in (
        {"category": "dresses"},
        {"brand": "ana & filhas"},
        {"colour": "Red"},
        {"condition": "good"},
        {"size": "m"},
        {"size": "UK 12"},
        {"q": "silk dresses"},
        {"q": "dots"},
        {"price_max": 2900},
        {"price_min": 1, "price_max": 4899},
        {"category": "dresses", "size": "12", "q": "silk", "price_max": 3000},
    ):
        assert browse(**wanted) == [dress.id], wanted
    assert browse(category="dresses", size="38") == []
    assert browse(q="silk coat") == []


def test_the_sort_orders(published: Maker) -> None:
    middle, dear, cheap = published(2000), published(3000), published(1000)
    assert browse("newest") == [cheap.id, dear.id, middle.id]
    assert browse("price_asc") == [cheap.id, middle.id, dear.id]
    assert browse("price_desc") == [dear.id, middle.id, cheap.id]


@pytest.mark.parametrize("sort", ["newest", "price_asc", "price_desc"])
def test_pages_show_everything_once_while_things_are_sold(published: Maker, sort: str) -> None:
    products = [published(1000 + number // 3) for number in range(10)]
    expected = browse(sort)
    first = catalogue.browse(ProductFilter(), sort, 4, None)
    sold_on_page_one, sold_on_page_two = expected[1], expected[5]
    for order_id, product_id in ((id_of("bor", "1"), sold_on_page_one), (id_of("bor", "2"), sold_on_page_two)):
        with db.unit_of_work():
            holds.create_hold(order_id, id_of("usr", "a"), [product_id])
    second = catalogue.browse(ProductFilter(), sort, 4, first["next_cursor"])
    third = catalogue.browse(ProductFilter(), sort, 4, second["next_cursor"])
    shown = ids(first) + ids(second) + ids(third)
    assert shown == [product_id for product_id in expected if product_id != sold_on_page_two]
    assert third["next_cursor"] is None
    assert len(products) == 10


def test_the_last_page_has_no_cursor_even_when_it_is_full(published: Maker) -> None:
    for _ in range(4):
        published()
    first = catalogue.browse(ProductFilter(), "newest", 2, None)
    second = catalogue.browse(ProductFilter(), "newest", 2, first["next_cursor"])
    assert (len(second["items"]), second["next_cursor"]) == (2, None)


def test_held_and_sold_products_leave_the_list_but_keep_their_page(published: Maker) -> None:
    coat = published()
    with db.unit_of_work():
        holds.create_hold(id_of("bor", "1"), id_of("usr", "a"), [coat.id])
    assert browse() == []
    assert catalogue.get_product(coat.id).state == "held"
    with db.unit_of_work():
        holds.decide_after_payment(id_of("bor", "1"), id_of("usr", "a"))
    assert catalogue.get_product(coat.id).state == "sold"


def test_browsing_reads_by_index(published: Maker) -> None:
    published()
    plan = (
        product_store.products_collection()
        .find({"state": "published", "search_terms": "brand:x"})
        .sort([("published_at", -1), ("_id", -1)])
        .explain()
    )
    assert "COLLSCAN" not in str(plan)
