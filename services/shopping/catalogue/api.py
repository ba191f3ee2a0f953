"""The published products, open to everybody."""

from __future__ import annotations

from typing import Any

from libs.chassis import skipped_items
from services.shopping.catalogue import browsing
from services.shopping.catalogue.browsing import ProductFilter
from services.shopping.catalogue.page_cache import page_cache
from services.shopping.products.schemas import ProductSchema
from services.shopping.search import sizes


def browse_products(
    limit: int = 20, cursor: str | None = None, sort: str = "newest", **filters: Any
) -> dict[str, Any]:
    product_filter = _build_filter(filters)

    def load() -> dict[str, Any]:
        page = browsing.browse(product_filter, sort, limit, cursor)
        return {**page, "items": skipped_items.dump_valid(page["items"], ProductSchema().dump, kind="product")}

    return page_cache().get_page((product_filter, sort, limit, cursor), load)


def count_product_facets(**filters: Any) -> dict[str, Any]:
    product_filter = _build_filter(filters)
    return page_cache().get_page(("facets", product_filter), lambda: browsing.count_facets(product_filter))


def get_product(product_id: str) -> dict[str, Any]:
    def load() -> dict[str, Any]:
        return dict(ProductSchema().dump(browsing.get_product(product_id)))

    return page_cache().get_page(("page", product_id), load)


def _build_filter(filters: dict[str, Any]) -> ProductFilter:
    # Connexion splits at every comma, but a comma may also be part of a size.
    listed = ",".join(filters.get("size", ()))
    return ProductFilter(**{**filters, "size": tuple(sizes.split_list(listed) or filter(None, [listed]))})
