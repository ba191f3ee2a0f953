"""What billing knows of orders, described to the services that wait for its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, select

from libs.chassis.consistency import Knowledge
from libs.chassis.db import session
from services.billing.fees.publishers import publish_paid
from services.billing.fees.tables import Fee
from services.billing.payments.publishers import publish_authorized, publish_captured, publish_voided
from services.billing.payments.rules import IN_PROGRESS, SALE_NOT_PAID
from services.billing.payments.store import find_sale_payment
from services.billing.payments.tables import Payment
from services.billing.reconciliation import payment_discrepancies
from services.billing.refunds.publishers import publish_completed
from services.billing.refunds.tables import Refund
from services.billing.registry import registry


@registry.describes("bor")
def describe_order(order_id: str) -> Knowledge:
    """The payments and refunds of a buying order; pending while its sale is to be captured or refunded."""
    statement = select(Payment).where(Payment.order_id == order_id).order_by(Payment.created_at)
    payments = session().scalars(statement).all()
    if not payments:
        return Knowledge.UNKNOWN
    sale = find_sale_payment(order_id)
    refunds = _find_refunds(Refund.order_id == order_id)
    if _is_sale_pending(sale, payments, refunds):
        return Knowledge.PENDING
    for payment in payments:
        _publish_state(payment, is_of_sale=payment is sale)
    _publish_completed(refunds)
    return Knowledge.KNOWN


@registry.describes("rbo")
def describe_return(return_id: str) -> Knowledge:
    """The refunds of the return of a purchase."""
    refunds = _find_refunds(Refund.return_id == return_id)
    if not refunds:
        return Knowledge.UNKNOWN
    if _are_pending(refunds):
        return Knowledge.PENDING
    _publish_completed(refunds)
    return Knowledge.KNOWN


@registry.describes("rdo")
def describe_donation_return(return_id: str) -> Knowledge:
    """Whether the delivery fee of the return of a donation is paid."""
    fee = session().scalar(select(Fee).where(Fee.order_id == return_id))
    if fee is None:
        return Knowledge.UNKNOWN
    if fee.state == "paid":
        publish_paid(fee)
    return Knowledge.KNOWN


def _find_refunds(condition: ColumnElement[bool]) -> Sequence[Refund]:
    return session().scalars(select(Refund).where(condition).order_by(Refund.created_at)).all()


def _is_sale_pending(sale: Payment | None, payments: Iterable[Payment], refunds: Iterable[Refund]) -> bool:
    """Whether the payment of the sale is still to be captured or refunded; replaced payments do not count."""
    if sale is None:
        return any(payment.state in IN_PROGRESS for payment in payments)
    return _are_pending([refund for refund in refunds if refund.payment_id == sale.id])


def _are_pending(refunds: Sequence[Refund]) -> bool:
    """Whether money is still to be refunded; a failed refund counts until another one replaces it."""
    replaced_ids = {refund.replaces for refund in refunds}
    return any(refund.state != "completed" and refund.id not in replaced_ids for refund in refunds)


def _publish_completed(refunds: Iterable[Refund]) -> None:
    for refund in refunds:
        if refund.state == "completed":
            publish_completed(refund)


def _publish_state(payment: Payment, *, is_of_sale: bool) -> None:
    if payment.state == "authorized":
        publish_authorized(payment)
    elif is_of_sale:
        publish_captured(payment)
    elif payment.state == "voided" and payment_discrepancies.has_unresolved({SALE_NOT_PAID}, payment.id):
        publish_voided(payment, SALE_NOT_PAID)
