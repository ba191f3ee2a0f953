"""Products for one customer: what fits comes first, and of that what is most to their liking (story b-pr-01)."""

from __future__ import annotations

from collections.abc import Mapping

from services.shopping import product_store, sizes, tastes
from services.shopping.products import Document, Product, ProductState
from services.shopping.search_terms import fold, own_size_term

# The newest that fit are compared; older ones are found by browsing.
MOST_COMPARED = 200
# Preferences that say something about a product: their names are those of its fields.
LIKED = ("category", "brand", "colour", "condition")


def recommend(customer_id: str, limit: int) -> list[Product]:
    """Published products in the customer's own sizes, most liked first, then the newest.

    Without own sizes all sizes are compared; without preferences it is the newest that counts.
    """
    taste = tastes.of_customer(customer_id)
    own = sizes.of_person(taste.body_sizes)
    terms = sorted(own_size_term(wear, size) for wear, found in own.items() for size in found)
    query: Document = {"state": str(ProductState.PUBLISHED)}
    if terms:
        query["search_terms"] = {"$in": terms}
    found = product_store.list_products(query, product_store.NEWEST, MOST_COMPARED)
    # sorted() keeps the order of equals: newest first.
    return sorted(found, key=lambda product: -liking(product, taste.preferences))[:limit]


def liking(product: Product, preferences: Mapping[str, str]) -> int:
    """How many of the preferences it meets; one may name several values ("navy, black")."""
    met = 0
    for name, wanted in preferences.items():
        value = getattr(product, name, None) if name in LIKED else product.attributes.get(name)
        met += value is not None and fold(str(value)) in {fold(one.strip()) for one in wanted.split(",")}
    return met
