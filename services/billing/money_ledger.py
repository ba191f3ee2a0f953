"""The money ledger: double entry, so that no cent appears or vanishes (domain rule 2).

Every movement is one MoneyRecord with two entries that sum to zero. What comes to an account is positive, what
leaves it negative: money that a buyer pays leaves `house.sales` and comes to `house.provider`, which therefore says
how much the provider holds for us. What is owed to a donor is below zero on that donor's account.

No account has a stored balance: the nightly check compares the sums with the payments, refunds and payouts they are
about, and the reconciliation compares those with the provider's.
"""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.billing.models import MoneyEntry, MoneyRecord, Payment, Payout, Refund

PROVIDER, SALES, FEES = "house.provider", "house.sales", "house.fees"
SHARES, PAID_OUT = "house.shares", "house.paid_out"


def donor_account(person_id: str) -> str:
    return f"donors.{person_id}"


def captured(payment: Payment) -> None:
    """The provider took a payment's money."""
    _post("captured", payment.id, payment.currency, payment.amount, source=_income_of(payment), target=PROVIDER)


def refunded(refund: Refund, payment: Payment) -> None:
    """The provider gave a refund's money back, or staff did by a bank transfer."""
    source = PROVIDER if refund.method == "card" else PAID_OUT
    _post("refunded", refund.id, refund.currency, refund.amount, source=source, target=_income_of(payment))


def refund_came_back(refund: Refund, payment: Payment) -> None:
    """The buyer's bank did not take what the provider gave back: the provider holds it again."""
    _post("refund_back", refund.id, refund.currency, refund.amount, source=_income_of(payment), target=PROVIDER)


def _income_of(payment: Payment) -> str:
    return SALES if payment.fee_id is None else FEES


def share_due(payout: Payout) -> None:
    """A donor's share is owed."""
    account = donor_account(payout.person_id)
    _post("share_due", payout.id, payout.currency, payout.amount, source=account, target=SHARES)


def share_paid(payout: Payout) -> None:
    """A donor's share was sent to the donor's bank."""
    account = donor_account(payout.person_id)
    _post("share_paid", payout.id, payout.currency, payout.amount, source=PAID_OUT, target=account)


def _post(kind: str, subject_id: str, currency: str, amount: int, *, source: str, target: str) -> None:
    key = f"{kind}:{subject_id}"
    if session().scalar(select(MoneyRecord.id).where(MoneyRecord.unique_key == key)) is not None:
        return
    record = MoneyRecord(
        id=new_id("mrc"),
        unique_key=key,
        kind=kind,
        subject_id=subject_id,
        currency=currency,
        created_at=clock.now(),
    )
    session().add(record)
    session().flush()
    session().add_all(
        MoneyEntry(record_id=record.id, account=account, amount=change)
        for account, change in ((source, -amount), (target, amount))
    )
    session().flush()
