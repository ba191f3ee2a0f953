"""The donor's share of a price, and prices in coins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.money import Money
from services.billing.fees.rules import calculate_coin_price
from services.billing.payouts.rules import calculate_donor_share

PRICES = st.integers(0, 100_000_000)


@pytest.mark.parametrize(
    ("price", "percent", "share"), [(4900, 40, 1960), (4901, 40, 1960), (1, 50, 1), (1, 49, 0), (999, 100, 999)]
)
def test_a_share_is_rounded_half_up_to_a_cent(price: int, percent: int, share: int) -> None:
    assert calculate_donor_share(Money(price, "EUR"), percent) == Money(share, "EUR")


@given(PRICES, st.integers(0, 100))
def test_the_rounding_of_a_share_is_at_most_half_a_cent(price: int, percent: int) -> None:
    share = calculate_donor_share(Money(price, "EUR"), percent).amount
    assert abs(200 * share - 2 * price * percent) <= 100
    assert 0 <= share <= price


@given(PRICES, st.integers(1, 10_000))
def test_a_coin_price_exceeds_the_amount_by_less_than_one_coin(amount: int, coin_value: int) -> None:
    assert 0 <= calculate_coin_price(amount, coin_value) * coin_value - amount < coin_value
