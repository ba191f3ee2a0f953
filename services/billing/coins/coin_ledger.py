"""The coin ledger: double entry, so that no coin appears or vanishes.

Every movement is one CoinRecord whose entries sum to zero: rewards come from the house account `house.rewards`,
spent coins go to `house.spending`. A wallet is never below zero: when more is taken back than the wallet has, the
rest becomes a debt, and incoming coins pay the debt first. So a wallet with coins has no debt.

A person's wallet is locked before anything is read, which serializes all movements of one person. The unique key
of a record makes every movement idempotent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, func, select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, Unprocessable
from services.billing.coins import publishers
from services.billing.coins.accounts import lock_accounts
from services.billing.coins.rules import balance_entries, split_credit, split_take_back
from services.billing.coins.tables import CoinAccount, CoinEntry, CoinRecord

REWARDS, SPENDING = "house.rewards", "house.spending"


class NotEnoughCoins(Conflict):
    slug, title = "not-enough-coins", "There are not enough coins in the wallet"


class NoSuchCustomer(Unprocessable):
    slug, title = "no-such-customer", "There is no such customer"


def reward(person_id: str, order_id: str, reason: str, coins: int) -> None:
    """Give what an order earned for `reason`, once; nothing when the setting is 0."""
    if coins > 0:
        _credit(person_id, reason, coins, key=f"{reason}:{order_id}", order_id=order_id)


def assign(person_id: str, coins: int, *, record_id: str, note: str, assigned_by: str) -> CoinRecord:
    """Give a customer coins as a manager (story mf-eu-04); NoSuchCustomer."""
    require_customer(person_id)
    key = f"assigned:{record_id}"
    return _credit(person_id, "assigned", coins, key=key, id=record_id, note=note, assigned_by=assigned_by)


def require_customer(person_id: str) -> None:
    """NoSuchCustomer for an id that never registered; registration opens the accounts."""
    if session().get(CoinAccount, person_id) is None:
        detail = "no customer with this id has registered"
        raise NoSuchCustomer(detail, errors=[{"pointer": "/person_id", "detail": detail}])


def spend(person_id: str, coins: int, *, key: str, order_id: str) -> CoinRecord:
    """Pay with coins; NotEnoughCoins."""

    def split(balance: int, _debt: int) -> tuple[int, int]:
        if balance < coins:
            raise NotEnoughCoins(f"it costs {coins} coins, and the wallet has {balance}; pay by card instead")
        return -coins, 0

    return _record(person_id, "spent", split, house_account=SPENDING, key=key, order_id=order_id)


def refund(person_id: str, coins: int, *, key: str, order_id: str) -> CoinRecord:
    """Give spent coins back."""
    return _credit(person_id, "refunded", coins, house_account=SPENDING, key=key, order_id=order_id)


def take_back(person_id: str, coins: int, *, order_id: str, key: str = "") -> CoinRecord:
    """Take back what an order earned, once for `key` or for the order; missing coins become a debt."""

    def split(balance: int, _debt: int) -> tuple[int, int]:
        from_wallet, to_debt = split_take_back(balance, coins)
        return -from_wallet, -to_debt

    return _record(person_id, "taken_back", split, key=key or f"taken_back:{order_id}", order_id=order_id)


def sum_earned(order_id: str) -> int:
    """The coins that an order has earned its donor or buyer."""
    return _sum_coins(order_id, CoinRecord.coins > 0, CoinRecord.reason != "refunded")


def sum_taken_back(order_id: str) -> int:
    """The coins that were taken back of what an order had earned."""
    return -_sum_coins(order_id, CoinRecord.reason == "taken_back")


def _sum_coins(order_id: str, *conditions: ColumnElement[bool]) -> int:
    total = select(func.coalesce(func.sum(CoinRecord.coins), 0))
    return int(session().scalar(total.where(CoinRecord.order_id == order_id, *conditions)) or 0)


def _credit(person_id: str, reason: str, coins: int, **details: Any) -> CoinRecord:
    return _record(person_id, reason, lambda _balance, debt: split_credit(debt, coins), **details)


def _record(
    person_id: str,
    reason: str,
    split: Callable[[int, int], tuple[int, int]],
    *,
    key: str,
    house_account: str = REWARDS,
    **details: Any,
) -> CoinRecord:
    """Write one record for `key`, or return the existing one.

    `split` gives the changes of wallet and debt account for the present balance and debt.
    """
    wallet, debt = lock_accounts(person_id)
    existing = session().scalar(select(CoinRecord).where(CoinRecord.unique_key == key))
    if existing is not None:
        return existing
    to_wallet, to_debt = split(_get_balance(wallet), -_get_balance(debt))
    wallet.balance, debt.balance = _get_balance(wallet) + to_wallet, _get_balance(debt) + to_debt
    record = CoinRecord(
        id=details.pop("id", None) or new_id("crc"),
        unique_key=key,
        person_id=person_id,
        reason=reason,
        coins=to_wallet + to_debt,
        balance_after=wallet.balance,
        debt_after=-debt.balance,
        created_at=clock.now(),
        **details,
    )
    session().add(record)
    session().flush()
    entries = balance_entries({wallet.id: to_wallet, debt.id: to_debt}, house_account)
    session().add_all(
        CoinEntry(record_id=record.id, account_id=account_id, coins=coins) for account_id, coins in entries.items()
    )
    session().flush()
    publishers.publish_recorded(record)
    return record


def _get_balance(account: CoinAccount) -> int:
    assert account.balance is not None, account.id  # only accounts of the house have none
    return account.balance
