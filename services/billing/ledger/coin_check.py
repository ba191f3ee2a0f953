"""The check of the coin ledger: its balances against its entries.

Each statement reads one consistent state, so the check may run at any time.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import case, func, select

from libs.chassis.db import session
from services.billing.coins.tables import CoinAccount, CoinEntry, CoinRecord


def find_faults() -> Iterator[str]:
    """Describe everything that is wrong with the coin ledger."""
    yield from _find_unbalanced_records()
    yield from _find_wrong_balances()
    yield from _find_impossible_balances()


def _find_unbalanced_records() -> Iterator[str]:
    total, count = func.coalesce(func.sum(CoinEntry.coins), 0), func.count(CoinEntry.record_id)
    on_wallet_or_debt = case((CoinEntry.account_id.like("house.%"), 0), else_=CoinEntry.coins)
    person_total = func.coalesce(func.sum(on_wallet_or_debt), 0)
    statement = (
        select(CoinRecord.id, CoinRecord.coins, total, count, person_total)
        .outerjoin(CoinEntry, CoinEntry.record_id == CoinRecord.id)
        .group_by(CoinRecord.id, CoinRecord.coins)
        .having((total != 0) | (count < 2) | (person_total != CoinRecord.coins))
    )
    for record_id, coins, entry_sum, entry_count, person_sum in session().execute(statement):
        sums = f"sum {entry_sum}, {person_sum} of the person"
        yield f"coin record {record_id} of {coins} coins: {entry_count} entries, {sums}"


def _find_wrong_balances() -> Iterator[str]:
    total = func.coalesce(func.sum(CoinEntry.coins), 0)
    statement = (
        select(CoinAccount.id, CoinAccount.balance, total)
        .outerjoin(CoinEntry, CoinEntry.account_id == CoinAccount.id)
        .where(CoinAccount.kind != "house")
        .group_by(CoinAccount.id, CoinAccount.balance)
        .having(total != CoinAccount.balance)
    )
    for account_id, balance, entry_sum in session().execute(statement):
        yield f"account {account_id}: balance {balance}, entries {entry_sum}"


def _find_impossible_balances() -> Iterator[str]:
    has_coins = select(CoinAccount.person_id).where(CoinAccount.kind == "wallet", CoinAccount.balance > 0)
    negative_wallet = (CoinAccount.kind == "wallet") & (CoinAccount.balance < 0)
    positive_debt = (CoinAccount.kind == "debt") & (CoinAccount.balance > 0)
    unpaid_debt = (CoinAccount.kind == "debt") & (CoinAccount.balance < 0) & CoinAccount.person_id.in_(has_coins)
    statement = select(CoinAccount.id, CoinAccount.balance).where(negative_wallet | positive_debt | unpaid_debt)
    for account_id, balance in session().execute(statement):
        yield f"account {account_id}: {balance} is not possible"
