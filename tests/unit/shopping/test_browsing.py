"""The database query of a search, and cursors that do not belong to its list."""

from __future__ import annotations

import pytest

from libs.chassis.pagination import encode_cursor
from libs.chassis.problems import BadRequest
from services.shopping.catalogue.browsing import ProductFilter, _identify_list, browse
from services.shopping.products import product_store

NEWEST = _identify_list(ProductFilter(), "newest")


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    calls: list[tuple] = []
    monkeypatch.setattr(product_store, "list_products", lambda *call: calls.append(call) or [])
    return calls


def test_every_filter_is_an_equality_on_the_indexed_terms(queries: list) -> None:
    product_filter = ProductFilter(brand="Zara", size=("M",), category="coats", colour="red", condition="good")
    browse(product_filter, "price_desc", 20, None)
    query, order, limit = queries[0]
    assert query["state"] == "published"
    assert query["search_terms"] == "brand:zara"
    assert {condition["search_terms"] for condition in query["$and"]} == {
        "size:m",
        "category:coats",
        "colour:red",
        "condition:good",
    }
    assert order == [("price.amount", -1), ("_id", -1)]
    assert limit == 21


def test_without_a_filter_only_the_state_is_queried(queries: list) -> None:
    browse(ProductFilter(), "newest", 20, None)
    assert queries[0][0] == {"state": "published"}


def test_a_price_range_is_in_minor_units_and_inclusive(queries: list) -> None:
    browse(ProductFilter(price_min=0, price_max=500), "newest", 20, None)
    assert queries[0][0]["price.amount"] == {"$gte": 0, "$lt": 501}


def test_a_search_for_punctuation_finds_nothing(queries: list) -> None:
    browse(ProductFilter(q="!!"), "newest", 20, None)
    assert queries[0][0]["search_terms"] == {"$in": []}


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        encode_cursor([1, 2]),
        encode_cursor([5, "prd_1"], of_list=NEWEST),
        encode_cursor([100, "prd_1", None]),
        encode_cursor([100, "prd_1", None], of_list=_identify_list(ProductFilter(), "price_asc")),
        encode_cursor([5, "prd_1", None], of_list=_identify_list(ProductFilter(colour="navy"), "newest")),
        encode_cursor(["x", "prd_1", None], of_list=NEWEST),
        encode_cursor([10**30, "prd_1", None], of_list=NEWEST),
        encode_cursor([5, 5, None], of_list=NEWEST),
        encode_cursor([5, "prd_1", 5], of_list=NEWEST),
    ],
)
def test_a_cursor_of_another_list_is_rejected(queries: list, cursor: str) -> None:
    with pytest.raises(BadRequest) as raised:
        browse(ProductFilter(), "newest", 20, cursor)
    assert raised.value.errors == [
        {"pointer": "query/cursor", "detail": "send next_cursor of the previous page unchanged"}
    ]


def test_a_price_cursor_without_a_price_is_rejected(queries: list) -> None:
    with pytest.raises(BadRequest):
        list_id = _identify_list(ProductFilter(), "price_asc")
        browse(ProductFilter(), "price_asc", 20, encode_cursor(["x", "prd_1", None], of_list=list_id))
