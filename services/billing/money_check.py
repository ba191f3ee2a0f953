"""The nightly check of the money ledger: its sums against the payments, refunds and payouts they are about."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Select, Subquery, case, func, select
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis.db import session
from services.billing.models import MoneyEntry, MoneyRecord, Payment, Payout, Refund
from services.billing.money_ledger import PAID_OUT, PROVIDER


def faults() -> Iterator[str]:
    """What is wrong, in words; each statement sees one moment, so that it may run at any time."""
    yield from _records_that_do_not_balance()
    yield from _not_as_they_should_be("payment", _payments())
    yield from _not_as_they_should_be("refund", _refunds())
    yield from _not_as_they_should_be("payout", _payouts())
    yield from _payments_with_other_refunds()
    yield from _records_about_nothing()


def balance_of(account: str, currency: str) -> int:
    """The sum of an account's entries."""
    entries = select(func.coalesce(func.sum(MoneyEntry.amount), 0)).join(
        MoneyRecord, MoneyRecord.id == MoneyEntry.record_id
    )
    return int(
        session().scalar(entries.where(MoneyEntry.account == account, MoneyRecord.currency == currency)) or 0
    )


def _records_that_do_not_balance() -> Iterator[str]:
    total, parts = func.coalesce(func.sum(MoneyEntry.amount), 0), func.count(MoneyEntry.record_id)
    statement = (
        select(MoneyRecord.id, total, parts)
        .outerjoin(MoneyEntry, MoneyEntry.record_id == MoneyRecord.id)
        .group_by(MoneyRecord.id)
        .having((total != 0) | (parts != 2))
    )
    for record_id, summed, count in session().execute(statement):
        yield f"money record {record_id}: {count} entries, sum {summed}"


def _sums(account: ColumnElement[bool]) -> Subquery:
    """What the entries on accounts like this come to, by the subject of their records."""
    entries = select(MoneyRecord.subject_id, func.sum(MoneyEntry.amount).label("total"))
    entries = entries.join(MoneyEntry, MoneyEntry.record_id == MoneyRecord.id).where(account)
    return entries.group_by(MoneyRecord.subject_id).subquery()


def _payments() -> Select[str, int, int]:
    sums = _sums((MoneyEntry.account == PROVIDER) & (MoneyRecord.kind == "captured"))
    is_taken = (Payment.method == "card") & Payment.captured_at.is_not(None)
    return _compared(Payment.id, case((is_taken, Payment.amount), else_=0), sums)


def _refunds() -> Select[str, int, int]:
    is_about_refund = MoneyRecord.kind.in_(("refunded", "refund_back"))
    sums = _sums(MoneyEntry.account.in_((PROVIDER, PAID_OUT)) & is_about_refund)
    is_made = (Refund.method != "coins") & (Refund.state == "made")
    return _compared(Refund.id, case((is_made, -Refund.amount), else_=0), sums)


def _payouts() -> Select[str, int, int]:
    sums = _sums(MoneyEntry.account.like("donors.%"))
    return _compared(Payout.id, case((Payout.state == "due", -Payout.amount), else_=0), sums)


def _compared(
    row_id: InstrumentedAttribute[str], expected: ColumnElement[int], sums: Subquery
) -> Select[str, int, int]:
    found = func.coalesce(sums.c.total, 0)
    return select(row_id, expected, found).outerjoin(sums, sums.c.subject_id == row_id).where(found != expected)


def _not_as_they_should_be(kind: str, statement: Select[str, int, int]) -> Iterator[str]:
    for row_id, expected, found in session().execute(statement):
        yield f"{kind} {row_id}: {expected} expected in the ledger, {found} found"


def _payments_with_other_refunds() -> Iterator[str]:
    counted = select(Refund.payment_id, func.sum(Refund.amount).label("total")).where(Refund.state != "failed")
    sums = counted.group_by(Refund.payment_id).subquery()
    found = func.coalesce(sums.c.total, 0)
    statement = select(Payment.id, Payment.refunded, found).outerjoin(sums, sums.c.payment_id == Payment.id)
    for payment_id, refunded, summed in session().execute(statement.where(found != Payment.refunded)):
        yield f"payment {payment_id}: {refunded} refunded, its refunds come to {summed}"


def _records_about_nothing() -> Iterator[str]:
    known = select(Payment.id).union(select(Refund.id), select(Payout.id))
    for record_id in session().scalars(select(MoneyRecord.id).where(MoneyRecord.subject_id.not_in(known))):
        yield f"money record {record_id} is about nothing that there is"
