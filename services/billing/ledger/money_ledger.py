"""The money ledger: double entry, so that no cent appears or vanishes.

Every movement is one MoneyRecord with two entries that sum to zero. What an account receives is positive, what it
gives is negative: the money of a buyer leaves `house.sales` and reaches `house.provider`, which therefore says how
much the payment provider holds for us. What is owed to a donor is below zero on that donor's account.

No account has a stored balance: the nightly check compares the sums with the payments, refunds and payouts, and the
reconciliation compares those with the provider's.
"""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.billing.ledger.tables import MoneyEntry, MoneyRecord
from services.billing.payments.tables import Payment
from services.billing.payouts.tables import Payout
from services.billing.refunds.tables import Refund

PROVIDER, SALES, FEES = "house.provider", "house.sales", "house.fees"
SHARES, PAID_OUT = "house.shares", "house.paid_out"


def donor_account(person_id: str) -> str:
    return f"donors.{person_id}"


def record_capture(payment: Payment, income_account: str) -> None:
    """Record that the provider captured a payment; `income_account` is SALES or FEES."""
    _post("captured", payment, source=income_account, target=PROVIDER)


def record_refund(refund: Refund, income_account: str) -> None:
    """Record a refund that the provider completed, or that staff made by a bank transfer."""
    source = PROVIDER if refund.method == "card" else PAID_OUT
    _post("refunded", refund, source=source, target=income_account)


def record_refund_sent_back(refund: Refund, income_account: str) -> None:
    """Record that the buyer's bank rejected a completed refund: the provider holds the money again."""
    _post("refund_back", refund, source=income_account, target=PROVIDER)


def record_share_due(payout: Payout) -> None:
    """Record that a donor is owed a share."""
    _post("share_due", payout, source=donor_account(payout.person_id), target=SHARES)


def record_share_paid(payout: Payout) -> None:
    """Record that a share was transferred to its donor."""
    _post("share_paid", payout, source=PAID_OUT, target=donor_account(payout.person_id))


def _post(kind: str, subject: Payment | Refund | Payout, *, source: str, target: str) -> None:
    """Write one record of the subject's amount; a second one of the same kind and subject is ignored."""
    key = f"{kind}:{subject.id}"
    if session().scalar(select(MoneyRecord.id).where(MoneyRecord.unique_key == key)) is not None:
        return
    record = MoneyRecord(
        id=new_id("mrc"),
        unique_key=key,
        kind=kind,
        subject_id=subject.id,
        currency=subject.currency,
        created_at=clock.now(),
    )
    session().add(record)
    session().flush()
    session().add_all(
        MoneyEntry(record_id=record.id, account=account, amount=amount)
        for account, amount in ((source, -subject.amount), (target, subject.amount))
    )
    session().flush()
