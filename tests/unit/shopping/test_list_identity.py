"""Each list of the catalogue has its own cache entry and its own cursors."""

from __future__ import annotations

from services.shopping.catalogue.api import _build_filter
from services.shopping.catalogue.browsing import ProductFilter, _identify_list

FILTERS = [
    ProductFilter(),
    ProductFilter(size=("EU 38",)),
    ProductFilter(size=("EU 38", "EU 40")),
    ProductFilter(colour="red"),
    ProductFilter(brand="red"),
    ProductFilter(q="red"),
    ProductFilter(price_min=0),
    ProductFilter(price_max=0),
]


def test_each_filter_and_order_identifies_another_list() -> None:
    assert len({hash(product_filter) for product_filter in FILTERS}) == len(FILTERS)
    lists = {_identify_list(product_filter, sort) for product_filter in FILTERS for sort in ("newest", "price_asc")}
    assert len(lists) == 2 * len(FILTERS)


def test_the_order_of_filters_does_not_matter() -> None:
    assert _build_filter({"size": ["EU 38"], "colour": "red"}) == _build_filter(
        {"colour": "red", "size": ["EU 38"]}
    )
