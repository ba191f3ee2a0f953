"""Recommendations: own sizes in every system, then preferences, then the newest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from libs.chassis import db, inbox
from services.shopping.events import registry
from services.shopping.holds import creation
from services.shopping.products.rules import Product
from services.shopping.recommendations import preferences, selection
from tests.integration.shopping.conftest import id_of

Maker = Callable[..., Product]
pytestmark = [pytest.mark.usefixtures("shopping"), pytest.mark.story("b-pr-01")]
BUYER = id_of("usr", "buyer")
WOMEN = {"cut": "women"}


def recommended(limit: int = 100, cursor: str | None = None) -> dict[str, Any]:
    with db.unit_of_work(reads_only=True):
        return selection.recommend(BUYER, limit, cursor)


def ids(page: dict[str, Any]) -> list[str]:
    return [product.id for product in page["items"]]


def profile_changed(version: int, body_sizes: dict[str, str], preferences: dict[str, str]) -> None:
    """Handle the event that the customer service publishes."""
    data = {
        "customer_id": BUYER,
        "body_sizes": [{"name": name, "value": value} for name, value in body_sizes.items()],
        "preferences": [{"name": name, "value": value} for name, value in preferences.items()],
    }
    inbox.dispatch(
        registry,
        {
            "id": f"evt_{version}",
            "type": "customer.profile.changed.v1",
            "source": "/reclothes/customer",
            "subject": BUYER,
            "time": "2026-11-24T10:00:00Z",
            "aggregateversion": version,
            "data": data,
        },
    )


def test_products_in_own_sizes_are_ranked_by_preferences(published: Maker) -> None:
    matching = published(sizes=[{"system": "UK", "value": "10"}], attributes=WOMEN, colour="Navy")
    plain = published(attributes=WOMEN, colour="red")
    published(sizes=[{"system": "EU", "value": "44"}], attributes=WOMEN)
    published(category="shoes", attributes=WOMEN)
    profile_changed(1, {"EU": "38"}, {"colour": "navy, black"})
    assert ids(recommended()) == [matching.id, plain.id]


def test_without_a_profile_the_newest_come_first(published: Maker) -> None:
    first, second = published(), published()
    assert ids(recommended()) == [second.id, first.id]


def test_paging_is_stable_while_products_are_sold(published: Maker) -> None:
    products = [published(colour="navy" if number % 2 else "red") for number in range(6)]
    profile_changed(1, {}, {"colour": "navy"})
    expected = ids(recommended())
    assert expected[:3] == [products[5].id, products[3].id, products[1].id]
    first = recommended(2)
    with db.unit_of_work():
        creation.create_hold(id_of("bor", "1"), id_of("usr", "a"), [expected[0], expected[3]])
    second = recommended(2, first["next_cursor"])
    third = recommended(2, second["next_cursor"])
    assert ids(first) + ids(second) + ids(third) == expected[:3] + expected[4:]
    assert third["next_cursor"] is None


@pytest.mark.real_servers
def test_the_newest_profile_wins_in_any_order_of_events() -> None:
    profile_changed(5, {"EU": "40"}, {})
    profile_changed(4, {"EU": "38"}, {"colour": "navy"})
    with db.unit_of_work(reads_only=True):
        assert preferences.get_preferences(BUYER) == preferences.Preferences({"EU": "40"}, {})
    profile_changed(6, {}, {})
    with db.unit_of_work(reads_only=True):
        assert preferences.get_preferences(BUYER) == preferences.Preferences()
