"""Each list of the catalogue has its own page in the cache and its own cursors."""

from __future__ import annotations

from services.shopping.catalogue.api import _filter
from services.shopping.catalogue.browsing import ProductFilter, _list_of

OTHERS = [
    ProductFilter(),
    ProductFilter(size=("EU 38",)),
    ProductFilter(size=("EU 38", "EU 40")),
    ProductFilter(colour="red"),
    ProductFilter(brand="red"),
    ProductFilter(q="red"),
    ProductFilter(price_min=0),
    ProductFilter(price_max=0),
]


def test_each_filter_and_order_is_a_list_of_its_own() -> None:
    assert len({hash(wanted) for wanted in OTHERS}) == len(OTHERS)
    lists = {_list_of(wanted, sort) for wanted in OTHERS for sort in ("newest", "price_asc")}
    assert len(lists) == 2 * len(OTHERS)


def test_the_same_query_is_the_same_list() -> None:
    assert _filter({"size": ["EU 38"], "colour": "red"}) == _filter({"colour": "red", "size": ["EU 38"]})
