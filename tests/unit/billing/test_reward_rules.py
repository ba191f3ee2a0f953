"""What donations and purchases earn, and what a return takes back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.donations.rules import list_donation_rewards
from services.billing.purchases.rules import (
    calculate_rewards_to_take_back,
    list_pick_up_rewards,
    select_good_products,
)
from services.billing.purchases.tables import Purchase

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "has_story", "is_first", "reasons"),
    [
        ("submitted", True, True, []),
        ("deposited", False, False, ["deposit"]),
        ("deposited", True, False, ["deposit", "story"]),
        ("deposited", False, True, ["deposit", "first_donation"]),
        ("deposited", True, True, ["deposit", "first_donation", "story"]),
        ("checked_good", True, True, []),
        ("checked_bad", True, True, ["checked_bad"]),
        ("cancelled", True, True, []),
    ],
)
def test_a_donation_is_rewarded_when_deposited_and_when_checked_as_bad(
    state: str, has_story: bool, is_first: bool, reasons: list[str]
) -> None:
    assert list_donation_rewards(state, has_story=has_story, is_first=is_first) == reasons


def test_the_first_pick_up_has_an_additional_reward() -> None:
    assert list_pick_up_rewards(is_first=False) == ["pick_up"]
    assert list_pick_up_rewards(is_first=True) == ["pick_up", "first_purchase"]


def numbered(prices: tuple[int, ...] | list[int]) -> dict[str, int]:
    return {f"prd_{number}": price for number, price in enumerate(prices)}


@pytest.mark.parametrize(
    ("earned", "prices", "returned", "taken_back"),
    [
        (120, (4900, 1501), ["prd_0"], 91),
        (120, (4900, 1501), ["prd_1"], 28),
        (120, (4900, 1501), ["prd_0", "prd_1"], 120),
        (120, (4900, 1501), [], 0),
        (120, (4900,), ["prd_9"], 0),
        (120, (0, 0), ["prd_0"], 0),
        (120, (0, 0), ["prd_0", "prd_1"], 120),
    ],
)
def test_a_return_takes_rewards_back_in_proportion_to_the_prices(
    earned: int, prices: tuple[int, ...], returned: list[str], taken_back: int
) -> None:
    assert calculate_rewards_to_take_back(earned, numbered(prices), returned) == taken_back


@given(st.integers(0, 500), st.lists(st.integers(0, 5000), min_size=1, max_size=5), st.data())
def test_returning_everything_takes_back_everything_earned(
    earned: int, prices: list[int], data: st.DataObject
) -> None:
    products = numbered(prices)
    some = data.draw(st.lists(st.sampled_from(list(products)), unique=True))
    taken_back = calculate_rewards_to_take_back(earned, products, some)
    assert 0 <= taken_back <= calculate_rewards_to_take_back(earned, products, list(products)) == earned


def items(*results: str) -> list[dict[str, Any]]:
    return [
        {"product_id": f"prd_{number}", "price": {"amount": 100 + number}, "result": result}
        for number, result in enumerate(results)
    ]


@pytest.mark.parametrize(
    ("state", "results", "is_fully_refunded", "good"),
    [
        ("checked_bad", ("good", "bad"), False, {"prd_0": 100}),
        ("refund_decided", ("bad", "good"), False, {"prd_1": 101}),
        ("checked_good", ("good", "good"), False, {}),
        ("refund_decided", ("good", "bad"), True, {}),
        ("checked_bad", (), False, {}),
    ],
)
def test_good_products_beside_bad_ones_are_refunded_without_a_decision(
    state: str, results: tuple[str, ...], is_fully_refunded: bool, good: dict[str, int]
) -> None:
    assert select_good_products(state, items(*results), is_fully_refunded=is_fully_refunded) == good


@pytest.mark.parametrize(
    ("ended_at", "returned", "is_included"), [(None, [], True), (None, ["prd_1"], False), (NOW, [], False)]
)
def test_a_purchase_includes_products_until_they_are_returned_or_it_ends(
    ended_at: datetime | None, returned: list[str], is_included: bool
) -> None:
    assert Purchase(ended_at=ended_at, returned_product_ids=returned).includes("prd_1") is is_included
