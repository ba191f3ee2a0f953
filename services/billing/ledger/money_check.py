"""The check of the money ledger: its sums against the payments, refunds and payouts that they belong to.

Each statement reads one consistent state, so the check may run at any time.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Select, Subquery, case, func, select
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis.db import session
from services.billing.ledger.money_ledger import PAID_OUT, PROVIDER
from services.billing.ledger.tables import MoneyEntry, MoneyRecord
from services.billing.payments.tables import Payment
from services.billing.payouts.tables import Payout
from services.billing.refunds.tables import Refund


def find_faults() -> Iterator[str]:
    """Describe everything that is wrong with the money ledger."""
    yield from _find_unbalanced_records()
    yield from _describe_differences("payment", _select_wrong_payments())
    yield from _describe_differences("refund", _select_wrong_refunds())
    yield from _describe_differences("payout", _select_wrong_payouts())
    yield from _find_wrong_refunded_amounts()
    yield from _find_records_without_subject()


def get_balance(account: str, currency: str) -> int:
    """The sum of an account's entries."""
    total = select(func.coalesce(func.sum(MoneyEntry.amount), 0)).join(
        MoneyRecord, MoneyRecord.id == MoneyEntry.record_id
    )
    total = total.where(MoneyEntry.account == account, MoneyRecord.currency == currency)
    return int(session().scalar(total) or 0)


def _find_unbalanced_records() -> Iterator[str]:
    total, count = func.coalesce(func.sum(MoneyEntry.amount), 0), func.count(MoneyEntry.record_id)
    statement = (
        select(MoneyRecord.id, total, count)
        .outerjoin(MoneyEntry, MoneyEntry.record_id == MoneyRecord.id)
        .group_by(MoneyRecord.id)
        .having((total != 0) | (count != 2))
    )
    for record_id, entry_sum, entry_count in session().execute(statement):
        yield f"money record {record_id}: {entry_count} entries, sum {entry_sum}"


def _select_sums_by_subject(condition: ColumnElement[bool]) -> Subquery:
    """The sums of the entries that fulfil the condition, by the subject of their records."""
    entries = select(MoneyRecord.subject_id, func.sum(MoneyEntry.amount).label("total"))
    entries = entries.join(MoneyEntry, MoneyEntry.record_id == MoneyRecord.id).where(condition)
    return entries.group_by(MoneyRecord.subject_id).subquery()


def _select_wrong_payments() -> Select[str, int, int]:
    sums = _select_sums_by_subject((MoneyEntry.account == PROVIDER) & (MoneyRecord.kind == "captured"))
    is_captured = (Payment.method == "card") & Payment.captured_at.is_not(None)
    return _select_differences(Payment.id, case((is_captured, Payment.amount), else_=0), sums)


def _select_wrong_refunds() -> Select[str, int, int]:
    is_of_refund = MoneyRecord.kind.in_(("refunded", "refund_back"))
    sums = _select_sums_by_subject(MoneyEntry.account.in_((PROVIDER, PAID_OUT)) & is_of_refund)
    is_completed = (Refund.method != "coins") & (Refund.state == "completed")
    return _select_differences(Refund.id, case((is_completed, -Refund.amount), else_=0), sums)


def _select_wrong_payouts() -> Select[str, int, int]:
    sums = _select_sums_by_subject(MoneyEntry.account.like("donors.%"))
    return _select_differences(Payout.id, case((Payout.state == "due", -Payout.amount), else_=0), sums)


def _select_differences(
    row_id: InstrumentedAttribute[str], expected: ColumnElement[int], sums: Subquery
) -> Select[str, int, int]:
    actual = func.coalesce(sums.c.total, 0)
    return select(row_id, expected, actual).outerjoin(sums, sums.c.subject_id == row_id).where(actual != expected)


def _describe_differences(kind: str, statement: Select[str, int, int]) -> Iterator[str]:
    for row_id, expected, actual in session().execute(statement):
        yield f"{kind} {row_id}: {expected} expected in the ledger, {actual} found"


def _find_wrong_refunded_amounts() -> Iterator[str]:
    refunds = select(Refund.payment_id, func.sum(Refund.amount).label("total")).where(Refund.state != "failed")
    sums = refunds.group_by(Refund.payment_id).subquery()
    actual = func.coalesce(sums.c.total, 0)
    statement = select(Payment.id, Payment.refunded, actual).outerjoin(sums, sums.c.payment_id == Payment.id)
    for payment_id, refunded, refund_sum in session().execute(statement.where(actual != Payment.refunded)):
        yield f"payment {payment_id}: {refunded} refunded, the sum of its refunds is {refund_sum}"


def _find_records_without_subject() -> Iterator[str]:
    subject_ids = select(Payment.id).union(select(Refund.id), select(Payout.id))
    orphans = select(MoneyRecord.id).where(MoneyRecord.subject_id.not_in(subject_ids))
    for record_id in session().scalars(orphans):
        yield f"money record {record_id} has no payment, refund or payout"
