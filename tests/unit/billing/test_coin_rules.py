"""How coins are split between wallet and debt, and how many coins refunds give back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.billing.coins.coin_ledger import REWARDS
from services.billing.coins.rules import balance_entries, split_credit, split_take_back
from services.billing.refunds.rules import calculate_coins_to_refund

AMOUNTS = st.integers(0, 1_000_000)


@given(AMOUNTS, AMOUNTS)
def test_incoming_coins_pay_the_debt_first(debt: int, amount: int) -> None:
    to_wallet, to_debt = split_credit(debt, amount)
    assert to_wallet + to_debt == amount
    assert 0 <= to_debt <= debt
    assert to_wallet == 0 or to_debt == debt


@given(AMOUNTS, AMOUNTS)
def test_coins_missing_in_the_wallet_become_a_debt(balance: int, amount: int) -> None:
    from_wallet, to_debt = split_take_back(balance, amount)
    assert from_wallet + to_debt == amount
    assert 0 <= from_wallet <= balance
    assert to_debt == 0 or from_wallet == balance


@given(st.dictionaries(st.sampled_from(["usr_1", "usr_1.debt"]), st.integers(-1000, 1000), min_size=1))
def test_the_entries_of_a_record_sum_to_zero(changes: dict[str, int]) -> None:
    entries = balance_entries(changes, REWARDS)
    assert sum(entries.values()) == 0
    assert {name: amount for name, amount in changes.items() if amount} == {
        name: amount for name, amount in entries.items() if name != REWARDS
    }


@given(st.integers(1, 100_000), st.integers(0, 100_000), st.lists(st.integers(1, 1000)))
def test_the_refunds_of_a_whole_payment_give_back_all_coins(amount: int, coins: int, parts: list[int]) -> None:
    refunded = returned = 0
    for part in [*parts, amount]:
        part = min(part, amount - refunded)
        returned += calculate_coins_to_refund(coins, amount, refunded, part)
        refunded += part
        assert 0 <= returned <= coins
    assert returned == coins
