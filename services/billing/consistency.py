"""Comparison with shopping: authorised payments without a decision; and what billing knows of orders."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from libs.chassis.consistency import Check, Knowledge, add_checks, stuck_before
from libs.chassis.db import session
from libs.chassis.service_client import peer
from services.billing import events, fees, findings, payment_states, payments, refunds
from services.billing.models import Fee, Payment, Refund

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
    """The payments of an order and its refunds; what is to be done with the payment that counts is pending."""
    of_order = select(Payment).where(Payment.order_id == order_id).order_by(Payment.created_at)
    found = session().scalars(of_order).all()
    if not found:
        return Knowledge.UNKNOWN
    of_refunds = _refunds(Refund.order_id == order_id)
    if _is_sale_pending(order_id, found, of_refunds):
        return Knowledge.PENDING
    for payment in found:
        _publish_state(payment)
    _publish_made(of_refunds)
    return Knowledge.KNOWN


@registry.describes("rbo")
def describe_return(return_id: str) -> Knowledge:
    """The refunds of the return of a purchase."""
    found = _refunds(Refund.return_id == return_id)
    if not found:
        return Knowledge.UNKNOWN
    if _are_pending(found):
        return Knowledge.PENDING
    _publish_made(found)
    return Knowledge.KNOWN


@registry.describes("rdo")
def describe_donation_return(return_id: str) -> Knowledge:
    """Whether the delivery fee of the return of a donation is paid."""
    fee = session().scalar(select(Fee).where(Fee.order_id == return_id))
    if fee is None:
        return Knowledge.UNKNOWN
    if fee.state == "paid":
        fees.announce_paid(fee)
    return Knowledge.KNOWN


def _refunds(condition: ColumnElement[bool]) -> Sequence[Refund]:
    return session().scalars(select(Refund).where(condition).order_by(Refund.created_at)).all()


def _is_sale_pending(order_id: str, found: Sequence[Payment], of_refunds: Sequence[Refund]) -> bool:
    """Whether the payment of the sale is still to be taken or to go back, whatever becomes of replaced payments."""
    taken = payment_states.taken_payment_of(order_id)
    if taken is None:
        return any(payment.state in IN_PROGRESS for payment in found)
    return _are_pending([refund for refund in of_refunds if refund.payment_id == taken.id])


def _are_pending(found: Sequence[Refund]) -> bool:
    """Whether money is still to go back. A refund that failed counts until another one replaces it."""
    replaced = {refund.replaces for refund in found}
    return any(refund.state != "made" and refund.id not in replaced for refund in found)


def _publish_made(found: Sequence[Refund]) -> None:
    for refund in found:
        if refund.state == "made":
            refunds.announce_made(refund)


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
