"""Browsing what is on sale, for everybody."""

from __future__ import annotations

from typing import Any

from services.shopping import catalogue, page_memory
from services.shopping.catalogue import ProductFilter
from services.shopping.schemas import ProductSchema


def browse_products(
    limit: int = 20, cursor: str | None = None, sort: str = "newest", **filters: Any
) -> dict[str, Any]:
    wanted = _filter(filters)

    def page() -> dict[str, Any]:
        found = catalogue.browse(wanted, sort, limit, cursor)
        return {**found, "items": ProductSchema(many=True).dump(found["items"])}

    return page_memory.remembered((wanted, sort, limit, cursor), page)


def count_product_facets(**filters: Any) -> dict[str, Any]:
    wanted = _filter(filters)
    return page_memory.remembered(("facets", wanted), lambda: catalogue.count_facets(wanted))


def get_product(product_id: str) -> dict[str, Any]:
    def page() -> dict[str, Any]:
        return dict(ProductSchema().dump(catalogue.get_product(product_id)))

    return page_memory.remembered(("product", product_id), page)


def _filter(filters: dict[str, Any]) -> ProductFilter:
    return ProductFilter(**{**filters, "size": tuple(filters.get("size", ()))})
