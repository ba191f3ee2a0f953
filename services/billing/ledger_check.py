"""The nightly check of both ledgers: the coins' balances against their rows, and the money's (`money_check.py`)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Counter
from sqlalchemy import case, func, select

from libs.chassis import clock, logs
from libs.chassis.db import session
from services.billing import money_check
from services.billing.models import CoinAccount, CoinEntry, CoinRecord, LedgerCheck

HOUR = 3  # UTC: few people are about
MOST_TOLD = 100
FAULTS = Counter("reclothes_ledger_faults_total", "Faults that the nightly check of the ledgers found")


def check_if_due() -> list[str] | None:
    """Check once a day after HOUR; what was found, None when it was not due."""
    moment = clock.now()
    day = moment.date().isoformat()
    if moment.hour < HOUR or session().get(LedgerCheck, day) is not None:
        return None
    found = [*faults(), *money_check.faults()]
    session().add(LedgerCheck(day=day, checked_at=moment, faults=found[:MOST_TOLD]))
    log = logs.get_logger(__name__)
    if found:
        FAULTS.inc(len(found))
        log.critical("the ledgers do not add up", faults=found[:MOST_TOLD], count=len(found))
    else:
        log.info("the ledgers add up")
    return found


def faults() -> list[str]:
    """What is wrong with the coin ledger, in words; each statement sees one moment, so it may run at any time."""
    return [*_records_that_do_not_balance(), *_balances_that_are_not_their_rows(), *_balances_out_of_bounds()]


def _records_that_do_not_balance() -> Iterator[str]:
    total, parts = func.coalesce(func.sum(CoinEntry.coins), 0), func.count(CoinEntry.record_id)
    on_wallet_or_debt = case((CoinEntry.account_id.like("house.%"), 0), else_=CoinEntry.coins)
    persons = func.coalesce(func.sum(on_wallet_or_debt), 0)
    statement = (
        select(CoinRecord.id, CoinRecord.coins, total, parts, persons)
        .outerjoin(CoinEntry, CoinEntry.record_id == CoinRecord.id)
        .group_by(CoinRecord.id, CoinRecord.coins)
        .having((total != 0) | (parts < 2) | (persons != CoinRecord.coins))
    )
    for record_id, coins, summed, count, person in session().execute(statement):
        yield f"record {record_id} of {coins} coins: {count} entries, sum {summed}, {person} of the person"


def _balances_that_are_not_their_rows() -> Iterator[str]:
    total = func.coalesce(func.sum(CoinEntry.coins), 0)
    statement = (
        select(CoinAccount.id, CoinAccount.balance, total)
        .outerjoin(CoinEntry, CoinEntry.account_id == CoinAccount.id)
        .where(CoinAccount.kind != "house")
        .group_by(CoinAccount.id, CoinAccount.balance)
        .having(total != CoinAccount.balance)
    )
    for account_id, balance, summed in session().execute(statement):
        yield f"account {account_id}: balance {balance}, rows {summed}"


def _balances_out_of_bounds() -> Iterator[str]:
    wallet = select(CoinAccount.person_id).where(CoinAccount.kind == "wallet", CoinAccount.balance > 0)
    below = (CoinAccount.kind == "wallet") & (CoinAccount.balance < 0)
    above = (CoinAccount.kind == "debt") & (CoinAccount.balance > 0)
    unpaid = (CoinAccount.kind == "debt") & (CoinAccount.balance < 0) & CoinAccount.person_id.in_(wallet)
    for account_id, balance in session().execute(
        select(CoinAccount.id, CoinAccount.balance).where(below | above | unpaid)
    ):
        yield f"account {account_id}: {balance} cannot be"
