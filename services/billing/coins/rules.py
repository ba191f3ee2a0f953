"""How coins are split between a wallet and a debt, and balanced by an account of the house."""

from __future__ import annotations

from collections.abc import Mapping


def split_credit(debt: int, coins: int) -> tuple[int, int]:
    """How many of `coins` go into the wallet, and how many pay the debt, which is paid first."""
    to_debt = min(debt, coins)
    return coins - to_debt, to_debt


def split_take_back(balance: int, coins: int) -> tuple[int, int]:
    """How many of `coins` leave the wallet, and how many become a debt because the wallet has too few."""
    from_wallet = min(balance, coins)
    return from_wallet, coins - from_wallet


def balance_entries(changes: Mapping[str, int], house_account: str) -> dict[str, int]:
    """The entries of a record by account: the changes, and an entry of the house that makes their sum zero."""
    entries = {account_id: coins for account_id, coins in changes.items() if coins}
    return entries | {house_account: -sum(changes.values())}
