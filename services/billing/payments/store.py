"""Finding payments."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import session
from libs.chassis.problems import NotFound
from services.billing.payments.tables import Payment
from services.billing.refunds.tables import Refund


def get_own_payment(payment_id: str, buyer_id: str) -> Payment:
    """A payment of this buyer; NotFound for the payment of another person, too."""
    payment = session().get(Payment, payment_id)
    if payment is None or payment.buyer_id != buyer_id:
        raise NotFound
    return payment


def find_live_payment(order_id: str) -> Payment | None:
    """The payment of an order that may still succeed, or has succeeded."""
    return session().scalar(select(Payment).where(Payment.live_order_id == order_id))


def find_sale_payment(order_id: str) -> Payment | None:
    """The captured payment for which an order was sold, also when it is refunded."""
    refunded_late_captures = select(Refund.payment_id).where(Refund.order_id == order_id, Refund.reason == "late")
    captured = select(Payment).where(
        Payment.order_id == order_id, Payment.captured_at.is_not(None), Payment.id.not_in(refunded_late_captures)
    )
    return session().scalar(captured)
