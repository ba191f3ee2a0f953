"""Products for one customer: what fits comes first, and of that what is most to their liking (story b-pr-01)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.chassis import skipped_items
from libs.chassis.pagination import decode_cursor, encode_cursor
from services.shopping import product_store, sizes, tastes
from services.shopping.products import Document, Product, ProductState
from services.shopping.search_terms import facet_term, fold

# The newest that fit are compared; older ones are found by browsing.
MOST_COMPARED = 200
# Preferences that name a field of the product; others name one of its attributes.
FIELDS = ("category", "brand", "colour", "condition")

Rank = tuple[int, int, str]


def recommend(customer_id: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of published products in the customer's own sizes, most liked first, then the newest.

    Without own sizes all sizes are compared; without preferences it is the newest that counts.
    """
    taste = tastes.of_customer(customer_id)
    ranked = skipped_items.read_valid(
        _fitting(taste),
        lambda product: (rank_of(product, taste.preferences), product),
        kind="product",
        id_of=lambda product: product.id,
    )
    ranked.sort(key=lambda ranked_product: ranked_product[0])
    if cursor is not None:
        shown: Rank = tuple(decode_cursor(cursor, 3, (int, int, str)))
        ranked = [(rank, product) for rank, product in ranked if rank > shown]
    page = ranked[:limit]
    next_cursor = encode_cursor(page[-1][0]) if len(ranked) > limit else None
    return {"items": [product for _, product in page], "next_cursor": next_cursor}


def liking(product: Product, preferences: Mapping[str, str]) -> int:
    """How many of the preferences it meets; one may name several values ("navy, black")."""
    met = 0
    for name, wanted in preferences.items():
        value = getattr(product, name) if name in FIELDS else product.attributes.get(name)
        met += value is not None and fold(value) in {fold(one.strip()) for one in wanted.split(",")}
    return met


def _fitting(taste: tastes.Taste) -> list[Product]:
    own = sizes.of_person(taste.body_sizes)
    wanted = {size for found in own.values() for size in found}
    query: Document = {"state": str(ProductState.PUBLISHED)}
    if wanted:
        query["search_terms"] = {"$in": sorted(facet_term("size", " ".join(size)) for size in wanted)}
    found = product_store.list_products(query, product_store.NEWEST, MOST_COMPARED)
    # The same number is another size of shoes than of clothes.
    fitting = skipped_items.read_valid(
        found,
        lambda product: (not wanted or fits(product, own), product),
        kind="product",
        id_of=lambda product: product.id,
    )
    return [product for is_fitting, product in fitting if is_fitting]


def fits(product: Product, own: Mapping[sizes.Wear, set[sizes.Size]]) -> bool:
    """Whether one of the person's own sizes, of clothes or of shoes, is on the product in any system."""
    same = sizes.of_product(product.category, product.sizes, product.attributes)
    return bool(same & own[sizes.wear_of(product.category)])


def rank_of(product: Product, preferences: Mapping[str, str]) -> Rank:
    """Smaller is better; the id makes it total, so that a page begins where the one before ended."""
    newness = round(product.published_at.timestamp() * 1000) if product.published_at else 0
    return -liking(product, preferences), -newness, product.id
