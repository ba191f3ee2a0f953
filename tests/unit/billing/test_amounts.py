"""Sums of billing: shares and what a fee costs in coins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.money import Money
from services.billing.fees import in_coins
from services.billing.payouts import share_of

PRICES = st.integers(0, 100_000_000)


@pytest.mark.parametrize(
    ("price", "percent", "share"), [(4900, 40, 1960), (4901, 40, 1960), (1, 50, 1), (1, 49, 0), (999, 100, 999)]
)
def test_a_share_is_rounded_to_the_nearest_cent_half_of_one_up(price: int, percent: int, share: int) -> None:
    assert share_of(Money(price, "EUR"), percent) == Money(share, "EUR")


@given(PRICES, st.integers(0, 100))
def test_a_share_is_never_further_than_half_a_cent_off(price: int, percent: int) -> None:
    share = share_of(Money(price, "EUR"), percent).amount
    assert abs(200 * share - 2 * price * percent) <= 100
    assert 0 <= share <= price


@given(PRICES, st.integers(1, 10_000))
def test_coins_cover_the_amount_with_less_than_one_coin_over(amount: int, value: int) -> None:
    assert 0 <= in_coins(amount, value) * value - amount < value
