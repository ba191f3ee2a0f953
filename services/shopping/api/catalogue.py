"""Browsing what is on sale, for everybody."""

from __future__ import annotations

from typing import Any

from services.shopping import catalogue
from services.shopping.catalogue import ProductFilter
from services.shopping.schemas import ProductSchema


def browse_products(
    limit: int = 20, cursor: str | None = None, sort: str = "newest", **filters: Any
) -> dict[str, Any]:
    page = catalogue.browse(ProductFilter(**filters), sort, limit, cursor)
    return {**page, "items": ProductSchema(many=True).dump(page["items"])}


def count_product_facets(**filters: Any) -> dict[str, Any]:
    return catalogue.count_facets(ProductFilter(**filters))


def get_product(product_id: str) -> dict[str, Any]:
    return dict(ProductSchema().dump(catalogue.get_product(product_id)))
