"""Refunds: money or coins of a payment that go back, each once (stories rb-c-02, rb-r-po-03).

A refund is a row first. Coins go back in that same transaction; money goes back by `settlement.py`, outside any.
What is on its way back is counted in the payment from the start, so that never more goes back than was taken.

A refund that the provider did not make has failed. Staff put another one in its place: to the card once more, or by
a bank transfer that they made.
"""

from __future__ import annotations

from sqlalchemy import func, select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound
from services.billing import coins, fees, findings, money_ledger, payment_states
from services.billing.models import Fee, Payment, Refund
from services.billing.registry import registry

MOVES: dict[str, frozenset[str]] = {
    "pending": frozenset({"made", "failed"}),
    "made": frozenset({"failed"}),  # the bank sent it back
    "failed": frozenset(),
}
TRANSFER = "transfer"
DISPUTES = ("dispute", "dispute_lost")


class IllegalTransition(Conflict):
    slug, title = "illegal-transition", "The refund cannot do that in its present state"


class NotReplaceable(Conflict):
    slug, title = "refund-not-replaceable", "No other refund can take the place of this one"


class PaymentDisputed(Conflict):
    slug, title = "payment-disputed", "The bank may give the same money back"


def move(refund: Refund, state: str) -> None:
    """Bring a refund into another state; IllegalTransition when the table above does not have that."""
    if state not in MOVES[refund.state]:
        raise IllegalTransition(f"a refund that is {refund.state} cannot become {state}")
    refund.state, refund.settle_at = state, None


def start(payment: Payment, amount: int, *, key: str, reason: str, return_id: str | None = None) -> Refund | None:
    """Give back `amount` of a taken payment, or what is left of it, once for `key`; None when nothing is left.

    The payment and what it is for are locked by the caller.
    """
    known = session().scalar(select(Refund).where(Refund.unique_key == key))
    if known is not None:
        return known
    given = min(amount, payment.amount - payment.refunded)
    if given < amount:
        detail = f"{amount} was to go back for {key}, and {given} was left of {payment.amount} {payment.currency}"
        findings.report("refund_above_taken", key, detail, payment_id=payment.id)
    if given == 0:
        return None
    refund = _row(payment, given, key=key, reason=reason, return_id=return_id)
    payment.refunded += given
    if payment.refunded == payment.amount:
        payment_states.move(payment, "refunding")
    session().add(refund)
    session().flush()
    if payment.coins is not None:
        _give_coins_back(refund, payment)
    return refund


def replace(refund_id: str, reference: str | None, *, despite_dispute: bool = False) -> Refund:
    """Another refund in the place of one that failed: to the card again, or the bank transfer of `reference`.

    NotFound; NotReplaceable for one that did not fail or has been replaced; PaymentDisputed for a transfer while
    the bank may give the same money back, unless somebody made sure that it does not.
    """
    if session().get(Refund, refund_id) is None:
        raise NotFound("there is no such refund")
    failed, payment, _ = locked(refund_id)
    if failed.state != "failed":
        raise NotReplaceable(f"it is {failed.state}; only a refund that failed is replaced")
    known = session().scalar(select(Refund.id).where(Refund.replaces == failed.id))
    if known is not None:
        raise NotReplaceable(f"{known} took its place already")
    if reference is not None and not despite_dispute and _is_disputed(failed):
        raise PaymentDisputed(
            "see how the dispute ends first; despite_dispute says that the bank gives nothing back"
        )
    key = f"instead:{failed.id}"
    refund = start(payment, failed.amount, key=key, reason=failed.reason, return_id=failed.return_id)
    if refund is None:
        raise NotReplaceable(f"nothing is left of {payment.money} that could go back")
    refund.replaces = failed.id
    if reference is not None:
        refund.method, refund.reference = TRANSFER, reference
        mark_made(refund, payment)
    session().flush()
    findings.mended("refund_failed", failed.id)
    return refund


def _is_disputed(failed: Refund) -> bool:
    return failed.failure_code == "charge_disputed" or findings.is_unmended_for(DISPUTES, failed.payment_id)


def _row(payment: Payment, amount: int, *, key: str, reason: str, return_id: str | None) -> Refund:
    moment = clock.now()
    return Refund(
        id=new_id("rfd"),
        unique_key=key,
        payment_id=payment.id,
        order_id=payment.order_id,
        return_id=return_id,
        buyer_id=payment.buyer_id,
        reason=reason,
        state="pending",
        method=payment.method,
        amount=amount,
        currency=payment.currency,
        coins=coins_of(payment, amount),
        created_at=moment,
        settle_at=moment if payment.method == "card" else None,
    )


def coins_of(payment: Payment, amount: int) -> int | None:
    """The coins that go back with `amount`, after what went back before: rounded down, all of them in the end."""
    if payment.coins is None:
        return None

    def until(refunded: int) -> int:
        return payment.coins * refunded // payment.amount if payment.coins else 0

    return until(payment.refunded + amount) - until(payment.refunded)


def _give_coins_back(refund: Refund, payment: Payment) -> None:
    if refund.coins:
        key = f"refunded:{refund.id}"
        coins.refund(refund.buyer_id, refund.coins, key=key, order_id=refund.return_id or refund.order_id)
    mark_made(refund, payment)


def locked(refund_id: str) -> tuple[Refund, Payment, object]:
    """A refund with its payment and what that is for, locked from the outside in."""
    refund = session().get_one(Refund, refund_id)
    payment = session().get_one(Payment, refund.payment_id)
    subject = payment_states.lock(payment)
    session().refresh(refund, with_for_update=True)
    return refund, payment, subject


def mark_made(refund: Refund, payment: Payment) -> None:
    """The money or the coins are back; twice is once."""
    if refund.state == "made":
        return
    move(refund, "made")
    refund.made_at = clock.now()
    if refund.method != "coins":
        money_ledger.refunded(refund, payment)
    session().flush()
    if payment.state == "refunding" and not _pending_of(payment):
        payment_states.move(payment, "refunded")
    if payment.fee_id is None:
        announce_made(refund)
    elif refund.reason == "fee":
        _mark_fee_refunded(payment.fee_id)


def _pending_of(payment: Payment) -> int:
    pending = select(func.count()).where(Refund.payment_id == payment.id, Refund.state == "pending")
    return int(session().scalar(pending) or 0)


def _mark_fee_refunded(fee_id: str) -> None:
    fee: Fee = fees.locked(fee_id)
    if fee.state == "refunding":
        fees.move(fee, "refunded")


def mark_failed(refund: Refund, payment: Payment, code: str) -> None:
    """The provider does not make this refund, or the bank sent it back: staff replace it."""
    if refund.state == "failed":
        return
    was_made = refund.state == "made"
    move(refund, "failed")
    refund.failure_code = code
    if was_made:
        refund.made_at = None
        money_ledger.refund_came_back(refund, payment)
    payment.refunded -= refund.amount
    if payment.state in ("refunding", "refunded"):
        payment_states.move(payment, "captured")
    happened = "the bank sent back" if was_made else "the provider did not make"
    detail = f"{happened} the refund of {refund.money}: {code}"
    findings.report("refund_failed", refund.id, detail, payment_id=payment.id)


def announce_made(refund: Refund) -> None:
    """Publish that the money or the coins are back."""
    data = {
        "refund_id": refund.id,
        "payment_id": refund.payment_id,
        "order_id": refund.order_id,
        "return_id": refund.return_id,
        "replaces": refund.replaces,
        "buyer_id": refund.buyer_id,
        "amount": refund.money.to_dict(),
        "method": refund.method,
        "coins": refund.coins,
        "made_at": clock.rfc3339(refund.made_at),
    }
    registry.publish("billing.refund.completed.v1", subject=refund.id, data=data, version=refund.version)
