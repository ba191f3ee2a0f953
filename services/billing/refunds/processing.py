"""Refunds: money or coins of a payment that are given back, once per cause (stories rb-c-02, rb-r-po-03).

A refund is first a row. Coins are given back in the same transaction; money is given back by settlement afterwards.
Pending refunds count as refunded from the start, so that refunds never exceed the payment. A refund that the
provider refused or the bank sent back has failed; staff replace it (`replacement.py`).
"""

from __future__ import annotations

from sqlalchemy import func, select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.billing.coins import coin_ledger
from services.billing.ledger import money_ledger
from services.billing.payments.purpose import Purpose, lock_payment
from services.billing.payments.tables import Payment
from services.billing.reconciliation import payment_discrepancies
from services.billing.refunds.rules import LIFECYCLE, calculate_coins_to_refund
from services.billing.refunds.tables import Refund


def start_refund(
    payment: Payment, purpose: Purpose, amount: int, *, key: str, reason: str, return_id: str | None = None
) -> Refund | None:
    """Refund `amount` of a locked payment, or what is left of it, once for `key`; None when nothing is left."""
    existing = session().scalar(select(Refund).where(Refund.unique_key == key))
    if existing is not None:
        return existing
    part = min(amount, payment.amount - payment.refunded)
    if part < amount:
        detail = f"{amount} was to be refunded for {key}, but only {part} was left of {payment.money}"
        payment_discrepancies.report("refund_exceeds_payment", key, detail, payment_id=payment.id)
    if part == 0:
        return None
    refund = _build_refund(payment, part, key=key, reason=reason, return_id=return_id)
    payment.refunded += part
    if payment.refunded == payment.amount:
        payment.change_state("refunding")
    session().add(refund)
    session().flush()
    if payment.coins is not None:
        _refund_coins(refund, payment, purpose)
    return refund


def _build_refund(payment: Payment, amount: int, *, key: str, reason: str, return_id: str | None) -> Refund:
    now = clock.now()
    coins = payment.coins
    return Refund(
        id=new_id("rfd"),
        unique_key=key,
        payment_id=payment.id,
        order_id=payment.order_id,
        return_id=return_id,
        buyer_id=payment.buyer_id,
        reason=reason,
        state=LIFECYCLE.initial,
        method=payment.method,
        amount=amount,
        currency=payment.currency,
        coins=None if coins is None else calculate_coins_to_refund(coins, payment.amount, payment.refunded, amount),
        created_at=now,
        settle_at=now if payment.method == "card" else None,
    )


def _refund_coins(refund: Refund, payment: Payment, purpose: Purpose) -> None:
    if refund.coins:
        key = f"refunded:{refund.id}"
        coin_ledger.refund(refund.buyer_id, refund.coins, key=key, order_id=refund.return_id or refund.order_id)
    mark_completed(refund, payment, purpose)


def lock_refund(refund_id: str) -> tuple[Refund, Payment, Purpose]:
    """A refund with its payment and the purpose of that, locked in the order purpose, payment, refund."""
    refund = session().get_one(Refund, refund_id)
    payment = session().get_one(Payment, refund.payment_id)
    purpose = lock_payment(payment)
    session().refresh(refund, with_for_update=True)
    return refund, payment, purpose


def mark_completed(refund: Refund, payment: Payment, purpose: Purpose) -> None:
    """The buyer has the money or the coins back; idempotent."""
    if refund.state == "completed":
        return
    refund.change_state("completed")
    refund.completed_at = clock.now()
    if refund.method != "coins":
        money_ledger.record_refund(refund, purpose.income_account)
    session().flush()
    if payment.state == "refunding" and not _has_pending_refunds(payment):
        payment.change_state("refunded")
    purpose.on_refund_completed(refund)


def _has_pending_refunds(payment: Payment) -> bool:
    pending = select(func.count()).where(Refund.payment_id == payment.id, Refund.state == "pending")
    return bool(session().scalar(pending))


def mark_failed(refund: Refund, payment: Payment, purpose: Purpose, code: str) -> None:
    """The provider refused the refund, or the buyer's bank sent it back: staff have to replace it; idempotent."""
    if refund.state == "failed":
        return
    was_completed = refund.state == "completed"
    refund.change_state("failed")
    refund.failure_code = code
    if was_completed:
        refund.completed_at = None
        money_ledger.record_refund_sent_back(refund, purpose.income_account)
    payment.refunded -= refund.amount
    if payment.state in ("refunding", "refunded"):
        payment.change_state("captured")
    cause = "the bank sent back" if was_completed else "the provider refused"
    detail = f"{cause} the refund of {refund.money}: {code}"
    payment_discrepancies.report("refund_failed", refund.id, detail, payment_id=payment.id)
