"""The coin ledger: double entry, so that no coin appears or vanishes (domain rule 2).

Every movement is one CoinRecord with two or more entries that sum to zero: rewards come out of the house's account
`house.rewards`, what is spent goes to `house.spending`. A wallet is never below zero: where more is taken back than
there is, the rest becomes a debt, and whatever comes in pays the debt first. So a wallet with coins has no debt.

A person's wallet is locked before anything is read, which puts all movements of one person in a row; the unique
key of a record makes a repeat find what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from libs.chassis import clock
from libs.chassis.db import insert_missing, locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, Unprocessable
from services.billing.models import CoinAccount, CoinEntry, CoinRecord
from services.billing.registry import registry

REWARDS, SPENDING = "house.rewards", "house.spending"


class NotEnoughCoins(Conflict):
    slug, title = "not-enough-coins", "There are not enough coins in the wallet"


class NoSuchCustomer(Unprocessable):
    slug, title = "no-such-customer", "There is no such customer"


def debt_id(person_id: str) -> str:
    return f"{person_id}.debt"


def open_accounts(person_id: str) -> None:
    """Wallet and debt of a person; those that are there stay as they are."""
    rows = [
        {"id": person_id, "kind": "wallet", "person_id": person_id, "balance": 0},
        {"id": debt_id(person_id), "kind": "debt", "person_id": person_id, "balance": 0},
    ]
    insert_missing(CoinAccount, rows)


def balance_of(person_id: str) -> tuple[int, int]:
    """The coins in the wallet, and the coins that are owed."""
    accounts = select(CoinAccount.kind, CoinAccount.balance).where(
        CoinAccount.id.in_([person_id, debt_id(person_id)])
    )
    found: dict[str, int] = {kind: balance or 0 for kind, balance in session().execute(accounts)}
    return found.get("wallet", 0), -found.get("debt", 0)


def reward(person_id: str, order_id: str, reason: str, coins: int) -> None:
    """Give what an order earned for `reason`, once; nothing when the setting is 0."""
    if coins > 0:
        _credit(person_id, reason, coins, key=f"{reason}:{order_id}", order_id=order_id)


def assign(person_id: str, coins: int, *, record_id: str, note: str, given_by: str) -> CoinRecord:
    """A manager's gift to a customer (story mf-eu-04); NoSuchCustomer."""
    refuse_stranger(person_id)
    key = f"assigned:{record_id}"
    return _credit(person_id, "assigned", coins, key=key, record_id=record_id, note=note, given_by=given_by)


def refuse_stranger(person_id: str) -> None:
    """NoSuchCustomer for an id that never registered; registration opens the accounts."""
    if session().get(CoinAccount, person_id) is None:
        detail = "no customer with this id has registered"
        raise NoSuchCustomer(detail, errors=[{"pointer": "/person_id", "detail": detail}])


def spend(person_id: str, coins: int, *, key: str, order_id: str) -> CoinRecord:
    """Take coins for something bought; NotEnoughCoins."""
    wallet, debt = _locked(person_id)
    known = _known(key)
    if known is not None:
        return known
    if _in(wallet) < coins:
        raise NotEnoughCoins(f"it takes {coins} coins, and there are {wallet.balance}; pay by card instead")
    return _post({wallet: -coins}, debt, SPENDING, CoinRecord(unique_key=key, reason="spent", order_id=order_id))


def refund(person_id: str, coins: int, *, key: str, order_id: str) -> CoinRecord:
    """Give spent coins back."""
    return _credit(person_id, "refunded", coins, key=key, order_id=order_id, house=SPENDING)


def take_back(person_id: str, coins: int, *, order_id: str, key: str = "") -> CoinRecord:
    """Take back what an order earned, once for `key` or for the order; what the wallet lacks becomes a debt."""
    wallet, debt = _locked(person_id)
    key = key or f"taken_back:{order_id}"
    known = _known(key)
    if known is not None:
        return known
    from_wallet, to_debt = split_take_back(_in(wallet), coins)
    changes = {wallet: -from_wallet, debt: -to_debt}
    return _post(changes, debt, REWARDS, CoinRecord(unique_key=key, reason="taken_back", order_id=order_id))


def earned_by(order_id: str) -> int:
    """The coins that an order has brought its donor or buyer."""
    total = select(func.coalesce(func.sum(CoinRecord.coins), 0)).where(
        CoinRecord.order_id == order_id, CoinRecord.coins > 0, CoinRecord.reason != "refunded"
    )
    return int(session().scalar(total) or 0)


def taken_back_of(order_id: str) -> int:
    """The coins that were taken back of what an order had earned."""
    total = select(func.coalesce(func.sum(CoinRecord.coins), 0)).where(
        CoinRecord.order_id == order_id, CoinRecord.reason == "taken_back"
    )
    return -int(session().scalar(total) or 0)


def _credit(
    person_id: str, reason: str, coins: int, *, key: str, house: str = REWARDS, record_id: str = "", **more: Any
) -> CoinRecord:
    wallet, debt = _locked(person_id)
    known = _known(key)
    if known is not None:
        return known
    to_wallet, pays_debt = split_credit(-_in(debt), coins)
    record = CoinRecord(id=record_id or None, unique_key=key, reason=reason, **more)
    return _post({wallet: to_wallet, debt: pays_debt}, debt, house, record)


def split_credit(debt: int, coins: int) -> tuple[int, int]:
    """What of `coins` comes into the wallet, and what pays the debt, which comes first."""
    pays_debt = min(debt, coins)
    return coins - pays_debt, pays_debt


def split_take_back(balance: int, coins: int) -> tuple[int, int]:
    """What of `coins` leaves the wallet, and what becomes a debt because the wallet lacks it."""
    from_wallet = min(balance, coins)
    return from_wallet, coins - from_wallet


def entries_of(changes: Mapping[str, int], house: str) -> dict[str, int]:
    """The entries of a record by account: what changes, and what makes the sum zero on the account of the house."""
    return {account: coins for account, coins in changes.items() if coins} | {house: -sum(changes.values())}


def _known(key: str) -> CoinRecord | None:
    return session().scalar(select(CoinRecord).where(CoinRecord.unique_key == key))


def _in(account: CoinAccount) -> int:
    assert account.balance is not None, account.id
    return account.balance


def _locked(person_id: str) -> tuple[CoinAccount, CoinAccount]:
    """A person's wallet and debt as they are now, locked in this order until the transaction ends."""
    wallet = _lock(person_id)
    if wallet is None:
        open_accounts(person_id)
        wallet = _lock(person_id)
    debt = _lock(debt_id(person_id))
    assert wallet is not None, person_id
    assert debt is not None, person_id
    return wallet, debt


def _lock(account_id: str) -> CoinAccount | None:
    return locked_scalar(select(CoinAccount).where(CoinAccount.id == account_id))


def _post(changes: dict[CoinAccount, int], debt: CoinAccount, house: str, record: CoinRecord) -> CoinRecord:
    """Write `record` with its entries, the house's being what makes them sum to zero, and tell of it."""
    for account, coins in changes.items():
        account.balance = _in(account) + coins
    wallet = next(account for account in changes if account.kind == "wallet")
    total = sum(changes.values())
    record.id = record.id or new_id("crc")
    record.person_id, record.coins, record.created_at = wallet.id, total, clock.now()
    record.balance_after, record.debt_after = _in(wallet), -_in(debt)
    session().add(record)
    session().flush()
    entries = entries_of({account.id: coins for account, coins in changes.items()}, house)
    session().add_all(
        CoinEntry(record_id=record.id, account_id=account_id, coins=coins) for account_id, coins in entries.items()
    )
    session().flush()
    _publish(record)
    return record


def _publish(record: CoinRecord) -> None:
    data = {
        "record_id": record.id,
        "person_id": record.person_id,
        "reason": record.reason,
        "coins": record.coins,
        "order_id": record.order_id,
        "at": clock.rfc3339(record.created_at),
    }
    registry.publish("billing.coins.recorded.v1", subject=record.id, data=data)
