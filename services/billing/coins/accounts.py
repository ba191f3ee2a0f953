"""Each person's two coin accounts: the wallet, and the debt after rewards were taken back."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import insert_missing, locked_scalar, session
from services.billing.coins.tables import CoinAccount


def debt_account_id(person_id: str) -> str:
    return f"{person_id}.debt"


def open_accounts(person_id: str) -> None:
    """Open wallet and debt of a person; existing accounts are left unchanged."""
    rows = [
        {"id": person_id, "kind": "wallet", "person_id": person_id, "balance": 0},
        {"id": debt_account_id(person_id), "kind": "debt", "person_id": person_id, "balance": 0},
    ]
    insert_missing(CoinAccount, rows)


def lock_accounts(person_id: str) -> tuple[CoinAccount, CoinAccount]:
    """A person's present wallet and debt, locked in this order until the transaction ends; opened if missing."""
    wallet = _lock(person_id)
    if wallet is None:
        open_accounts(person_id)
        wallet = _lock(person_id)
    debt = _lock(debt_account_id(person_id))
    assert wallet is not None, person_id
    assert debt is not None, person_id
    return wallet, debt


def _lock(account_id: str) -> CoinAccount | None:
    return locked_scalar(select(CoinAccount).where(CoinAccount.id == account_id))


def get_balance(person_id: str) -> tuple[int, int]:
    """The coins in the wallet, and the coins that are owed."""
    statement = select(CoinAccount.kind, CoinAccount.balance).where(
        CoinAccount.id.in_([person_id, debt_account_id(person_id)])
    )
    balances: dict[str, int] = {kind: balance or 0 for kind, balance in session().execute(statement)}
    return balances.get("wallet", 0), -balances.get("debt", 0)
