"""Which products fit a customer, and which of them come first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.shopping.recommendations.selection import fits, liking, rank_of
from services.shopping.search import sizes
from tests.unit.shopping.factories import NOW, product_with


@pytest.mark.parametrize(
    ("preferences", "met"),
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
def test_preferences_are_met_by_fields_and_attributes(preferences: dict[str, str], met: int) -> None:
    assert liking(product_with(attributes={"material": "wool"}), preferences) == met


@pytest.mark.parametrize(
    ("facts", "fitting"),
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
def test_own_sizes_fit_in_every_system_and_shoes_apart_from_clothes(facts: dict[str, Any], fitting: bool) -> None:
    own = sizes.of_person({"EU": "38", "EU shoes": "39"})
    assert fits(product_with(**{"attributes": {"cut": "women"}, **facts}), own) is fitting


def test_the_most_liked_come_first_then_the_newest_then_by_id() -> None:
    liked = product_with("prd_liked", published_at=NOW - timedelta(days=9))
    newer = product_with("prd_newer", colour="red")
    same_b, same_a = (
        product_with(name, colour="red", published_at=NOW - timedelta(days=1)) for name in ("prd_b", "prd_a")
    )
    ranked = sorted([same_b, newer, same_a, liked], key=lambda one: rank_of(one, {"colour": "navy"}))
    assert ranked == [liked, newer, same_a, same_b]
