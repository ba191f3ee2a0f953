"""What a payment is for: a buying order or a fee. The purpose decides what follows from each state of the payment.

The row of the purpose (the purchase or the fee) is always locked before its payment and refunds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from libs.chassis.db import session
from libs.chassis.problems import Conflict
from services.billing.fees import charging
from services.billing.fees.tables import Fee
from services.billing.ledger.money_ledger import FEES, SALES
from services.billing.payments import publishers
from services.billing.payments.rules import REPLACED, SALE_NOT_PAID, VOID_REASONS
from services.billing.payments.tables import Payment
from services.billing.purchases.store import lock_purchase
from services.billing.purchases.tables import Purchase
from services.billing.reconciliation import payment_discrepancies
from services.billing.refunds.publishers import publish_completed
from services.billing.refunds.tables import Refund


class OrderNotPayable(Conflict):
    slug, title = "order-not-payable", "The order cannot be paid in its present state"


@dataclass(frozen=True)
class OrderPurpose:
    """A buying order: its payment is captured when the products are sold, and voided when their hold ends."""

    purchase: Purchase
    waits_for_sale: ClassVar = True
    income_account: ClassVar = SALES
    refund_reason: ClassVar = "cancelled"

    @property
    def is_open(self) -> bool:
        return self.purchase.ended_at is None

    @property
    def refund_key(self) -> str:
        return f"cancelled:{self.purchase.order_id}"

    def require_open(self) -> None:
        if not self.is_open:
            raise OrderNotPayable("the order has ended")

    def on_captured(self, payment: Payment) -> None:
        publishers.publish_captured(payment)

    def on_voided(self, payment: Payment, reason_code: str) -> None:
        if reason_code == SALE_NOT_PAID:
            report_unpaid_sale(payment)
        elif payment.failure_code != REPLACED:
            publishers.publish_voided(payment, reason_code)

    def on_refund_started(self) -> None:
        """The order is cancelled already."""

    def on_refund_completed(self, refund: Refund) -> None:
        publish_completed(refund)


@dataclass(frozen=True)
class FeePurpose:
    """A fee of a donation: its payment is captured immediately, and refunded when the fee is no longer needed."""

    fee: Fee
    waits_for_sale: ClassVar = False
    income_account: ClassVar = FEES
    refund_reason: ClassVar = "fee"

    @property
    def is_open(self) -> bool:
        return self.fee.state == "due"

    @property
    def refund_key(self) -> str:
        return f"fee:{self.fee.id}"

    def require_open(self) -> None:
        if not self.is_open:
            raise charging.FeeNotPayable(f"the fee is {self.fee.state}")

    def on_captured(self, payment: Payment) -> None:
        assert payment.captured_at is not None, payment.id
        charging.mark_paid(self.fee, payment.captured_at)

    def on_voided(self, payment: Payment, reason_code: str) -> None:
        """The fee stays due, or is void already."""

    def on_refund_started(self) -> None:
        self.fee.change_state("refunding")

    def on_refund_completed(self, refund: Refund) -> None:
        if refund.reason == self.refund_reason and self.fee.state == "refunding":
            self.fee.change_state("refunded")


Purpose = OrderPurpose | FeePurpose


def lock_purpose(order_id: str, fee_id: str | None) -> Purpose:
    """The present purpose, locked."""
    return OrderPurpose(lock_purchase(order_id)) if fee_id is None else FeePurpose(charging.lock_fee(fee_id))


def lock_payment(payment: Payment) -> Purpose:
    """Lock the purpose of a payment, then the payment, which is read again."""
    purpose = lock_purpose(payment.order_id, payment.fee_id)
    session().refresh(payment, with_for_update=True)
    return purpose


def report_unpaid_sale(payment: Payment) -> None:
    """Report and publish that products were sold whose payment cannot be captured."""
    payment_discrepancies.report(SALE_NOT_PAID, payment.id, VOID_REASONS[SALE_NOT_PAID], payment_id=payment.id)
    publishers.publish_voided(payment, SALE_NOT_PAID)
