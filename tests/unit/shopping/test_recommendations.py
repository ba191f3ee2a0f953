"""Which products fit a customer, and which of them come first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.shopping.recommendations.rules import count_matching_preferences, fits, rank
from services.shopping.search import sizes
from tests.unit.shopping.factories import NOW, product_with


@pytest.mark.parametrize(
    ("preferences", "count"),
    [
        ({}, 0),
        ({"colour": "navy"}, 1),
        ({"colour": "black, NAVY"}, 1),
        ({"colour": "black"}, 0),
        ({"brand": "lisboa la", "material": "Wool"}, 2),
        ({"material": "silk", "cut": "women"}, 0),
        ({"title": "Navy wool coat"}, 0),
    ],
)
def test_preferences_match_fields_and_attributes(preferences: dict[str, str], count: int) -> None:
    assert count_matching_preferences(product_with(attributes={"material": "wool"}), preferences) == count


@pytest.mark.parametrize(
    ("facts", "is_fitting"),
    [
        ({}, True),
        ({"sizes": [{"system": "UK", "value": "10"}]}, True),
        ({"sizes": [{"system": "letter", "value": "S"}]}, True),
        ({"sizes": [{"system": "EU", "value": "44"}]}, False),
        ({"sizes": []}, False),
        ({"category": "shoes"}, False),
        ({"category": "shoes", "sizes": [{"system": "US", "value": "8.5"}]}, True),
    ],
)
def test_own_sizes_fit_in_every_system_and_shoes_separately_from_clothes(
    facts: dict[str, Any], is_fitting: bool
) -> None:
    own = sizes.list_person_sizes({"EU": "38", "EU shoes": "39"})
    assert fits(product_with(**{"attributes": {"cut": "women"}, **facts}), own) is is_fitting


def test_most_matching_preferences_come_first_then_the_newest_then_the_lowest_id() -> None:
    matching = product_with("prd_matching", published_at=NOW - timedelta(days=9))
    newer = product_with("prd_newer", colour="red")
    same_b, same_a = (
        product_with(name, colour="red", published_at=NOW - timedelta(days=1)) for name in ("prd_b", "prd_a")
    )
    ranked = sorted([same_b, newer, same_a, matching], key=lambda product: rank(product, {"colour": "navy"}))
    assert ranked == [matching, newer, same_a, same_b]
