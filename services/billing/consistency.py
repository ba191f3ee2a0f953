"""Comparison with shopping: authorised payments without a decision, and what billing knows of an order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from libs.chassis.consistency import Check, Knowledge, add_checks, stuck_before
from libs.chassis.db import session
from libs.chassis.peers import peer
from services.billing import events, findings, payment_states, payments, refunds
from services.billing.models import Payment, Refund

registry = events.registry

IN_PROGRESS = frozenset({"capturing", "voiding"})


def authorized_orders(after: str, limit: int) -> Sequence[str]:
    """Orders whose authorised payment waits for shopping: sold, or released."""
    waiting = select(Payment.order_id).where(
        Payment.state == "authorized",
        Payment.changed_at < stuck_before(),
        Payment.fee_id.is_(None),
        Payment.order_id > after,
    )
    return session().scalars(waiting.order_by(Payment.order_id).limit(limit)).all()


def announce_authorized_again(order_id: str) -> None:
    """Let shopping decide: it has not received the authorisation, or has no hold for it any more."""
    payment = payment_states.live_payment_of(order_id)
    if payment is not None and payment.state == "authorized":
        payments.announce_authorized(payment)


@registry.describes("bor")
def describe_order(order_id: str) -> Knowledge:
    """The payment of an order and its refunds."""
    of_order = select(Payment).where(Payment.order_id == order_id).order_by(Payment.created_at)
    found = session().scalars(of_order).all()
    if not found:
        return Knowledge.UNKNOWN
    made = select(Refund).where(Refund.order_id == order_id).order_by(Refund.created_at)
    of_refunds = session().scalars(made).all()
    is_pending = any(payment.state in IN_PROGRESS for payment in found)
    replaced = {refund.replaces for refund in of_refunds}
    if is_pending or any(refund.state != "made" and refund.id not in replaced for refund in of_refunds):
        return Knowledge.PENDING
    for payment in found:
        _publish_state(payment)
    for refund in of_refunds:
        if refund.state == "made":
            refunds.announce_made(refund)
    return Knowledge.KNOWN


def _publish_state(payment: Payment) -> None:
    if payment.state == "authorized":
        payments.announce_authorized(payment)
    elif payment is payment_states.taken_payment_of(payment.order_id):
        payments.announce_captured(payment)
    elif payment.state == "voided" and findings.is_unmended_for({payments.SALE_NOT_PAID}, payment.id):
        payments.announce_unpaid_sale(payment)


add_checks(
    registry,
    Check(
        name="authorised_payment_without_decision",
        peer=lambda: peer("shopping"),
        find=authorized_orders,
        handlers={
            "shopping.hold.sold.v1": events.capture_payment,
            "shopping.hold.released.v1": events.give_payment_back,
        },
        unknown=announce_authorized_again,
        resend=announce_authorized_again,
    ),
)
