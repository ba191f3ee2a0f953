"""Browsing what is on sale, for everybody."""

from __future__ import annotations

from typing import Any

from libs.chassis import skipped_items
from services.shopping import catalogue, page_memory, sizes
from services.shopping.catalogue import ProductFilter
from services.shopping.schemas import ProductSchema


def browse_products(
    limit: int = 20, cursor: str | None = None, sort: str = "newest", **filters: Any
) -> dict[str, Any]:
    wanted = _filter(filters)

    def page() -> dict[str, Any]:
        found = catalogue.browse(wanted, sort, limit, cursor)
        return {**found, "items": skipped_items.dump_valid(found["items"], ProductSchema().dump, kind="product")}

    return page_memory.remembered((wanted, sort, limit, cursor), page)


def count_product_facets(**filters: Any) -> dict[str, Any]:
    wanted = _filter(filters)
    return page_memory.remembered(("facets", wanted), lambda: catalogue.count_facets(wanted))


def get_product(product_id: str) -> dict[str, Any]:
    def page() -> dict[str, Any]:
        return dict(ProductSchema().dump(catalogue.get_product(product_id)))

    return page_memory.remembered(("product", product_id), page)


def _filter(filters: dict[str, Any]) -> ProductFilter:
    # The framework splits at every comma; which of them separate sizes is decided here.
    listed = ",".join(filters.get("size", ()))
    return ProductFilter(**{**filters, "size": tuple(sizes.listed(listed) or filter(None, [listed]))})
