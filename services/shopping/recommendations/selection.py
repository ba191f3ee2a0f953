"""Selects the products that are recommended to a customer (story b-pr-01)."""

from __future__ import annotations

from typing import Any

from libs.chassis import skipped_items
from libs.chassis.pagination import decode_cursor, encode_cursor
from services.shopping.products import product_store
from services.shopping.products.rules import Product, ProductState
from services.shopping.recommendations.preferences import Preferences, get_preferences
from services.shopping.recommendations.rules import Rank, fits, rank
from services.shopping.search import sizes
from services.shopping.search.terms import build_facet_term

# Only the newest products that fit are ranked; customers find the others by browsing.
MAX_RANKED = 200


def recommend(customer_id: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of published products in the customer's sizes: `{"items": [Product], "next_cursor": …}`.

    A customer without sizes gets products of all sizes; one without preferences gets the newest.
    """
    preferences = get_preferences(customer_id)
    ranked = skipped_items.read_valid(
        _find_candidates(preferences),
        lambda product: (rank(product, preferences.preferences), product),
        kind="product",
        id_of=lambda product: product.id,
    )
    ranked.sort(key=lambda pair: pair[0])
    if cursor is not None:
        last: Rank = tuple(decode_cursor(cursor, 3, (int, int, str)))
        ranked = [pair for pair in ranked if pair[0] > last]
    page = ranked[:limit]
    next_cursor = encode_cursor(page[-1][0]) if len(ranked) > limit else None
    return {"items": [product for _, product in page], "next_cursor": next_cursor}


def _find_candidates(preferences: Preferences) -> list[Product]:
    own_sizes = sizes.list_person_sizes(preferences.body_sizes)
    terms = sorted({build_facet_term("size", " ".join(size)) for by_wear in own_sizes.values() for size in by_wear})
    query: dict[str, Any] = {"state": str(ProductState.PUBLISHED)}
    if terms:
        query["search_terms"] = {"$in": terms}
    products = product_store.list_products(query, product_store.NEWEST_FIRST, MAX_RANKED)
    # The query cannot tell shoes from clothes, where the same number is another size.
    checked = skipped_items.read_valid(
        products,
        lambda product: (not terms or fits(product, own_sizes), product),
        kind="product",
        id_of=lambda product: product.id,
    )
    return [product for is_fitting, product in checked if is_fitting]
