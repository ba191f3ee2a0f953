"""Which products fit a customer, and which of them come first (story b-pr-01)."""

from __future__ import annotations

from collections.abc import Mapping

from services.shopping.products.rules import Product
from services.shopping.search import sizes
from services.shopping.search.terms import fold

# Preferences with these names are compared with a field of the product, others with one of its attributes.
COMPARED_FIELDS = ("category", "brand", "colour", "condition")

Rank = tuple[int, int, str]


def fits(product: Product, own_sizes: Mapping[sizes.Wear, set[sizes.Size]]) -> bool:
    """Whether the product has one of the person's sizes, of clothes or of shoes, in any size system."""
    product_sizes = sizes.list_product_sizes(product.category, product.sizes, product.attributes)
    return bool(product_sizes & own_sizes[sizes.get_wear(product.category)])


def rank(product: Product, preferences: Mapping[str, str]) -> Rank:
    """The sort key of a recommendation: most matching preferences first, then the newest.

    The id makes the order total, so that a page can start after the last product of the page before.
    """
    published_ms = round(product.published_at.timestamp() * 1000) if product.published_at else 0
    return -count_matching_preferences(product, preferences), -published_ms, product.id


def count_matching_preferences(product: Product, preferences: Mapping[str, str]) -> int:
    """How many preferences the product matches; one preference may list several values ("navy, black")."""
    count = 0
    for name, listed in preferences.items():
        value = getattr(product, name) if name in COMPARED_FIELDS else product.attributes.get(name)
        count += value is not None and fold(value) in {fold(text.strip()) for text in listed.split(",")}
    return count
