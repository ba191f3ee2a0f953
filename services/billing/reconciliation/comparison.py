"""Comparing one payment or refund with the provider's, and reporting what disagrees.

Each function is one transaction or a part of one.
"""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.money import Money
from services.billing.payments.rules import ENDED, IN_PROGRESS
from services.billing.payments.tables import Payment
from services.billing.provider.stripe_client import Intent, ProviderRefund
from services.billing.reconciliation.payment_discrepancies import report, resolve
from services.billing.reconciliation.rules import (
    AGREEING_STATES,
    HOLDS_MONEY,
    Comparison,
    compare_refund_states,
)
from services.billing.refunds.tables import Refund


def find_payment(intent: Intent) -> Payment | None:
    return session().scalar(select(Payment).where(Payment.provider_intent_id == intent.id))


def compare_amount(row: Payment | Refund, provider_money: Money, payment_id: str) -> None:
    """Mark the row as compared, and report or resolve a difference of its amount."""
    row.reconciled_at = clock.now()
    if row.money == provider_money:
        resolve("amount_differs", row.id)
    else:
        detail = f"{row.money} here, {provider_money} at the provider"
        report("amount_differs", row.id, detail, payment_id=payment_id)


def states_agree(payment: Payment, intent: Intent) -> bool:
    return intent.status in AGREEING_STATES[payment.state]


def report_state(payment: Payment, intent: Intent, *, missed: str | None) -> None:
    """Report or resolve a difference of states; `missed` is the provider's state of which a webhook was lost."""
    if states_agree(payment, intent):
        if missed is not None:
            detail = f"a webhook was lost: the payment was {missed} at the provider"
            report("missed_state", payment.id, detail, payment_id=payment.id)
            resolve("missed_state", payment.id)
        resolve("state_differs", payment.id)
        resolve("missing_at_provider", payment.id)
    elif payment.state not in IN_PROGRESS:  # those are reported as not_settled after a while
        detail = f"{payment.state} here, {intent.status} at the provider"
        report("state_differs", payment.id, detail, payment_id=payment.id)


def check_unknown_intent(intent: Intent) -> bool:
    """Report an intent without a payment of ours if it holds money; whether it is to be cancelled instead.

    One without money may remain from an attempt of ours whose response was lost.
    """
    payment = session().get(Payment, intent.payment_id) if intent.payment_id else None
    if intent.status in HOLDS_MONEY:
        detail = f"the provider has {intent.money} ({intent.status}), for which there is no payment here"
        report("unknown_payment", intent.id, detail, payment_id=payment.id if payment else None)
        return False
    resolve("unknown_payment", intent.id)
    is_superseded = payment is not None and (payment.provider_intent_id is not None or payment.state in ENDED)
    return is_superseded and intent.status != "canceled"


def compare_refund(provider_refund: ProviderRefund) -> str | None:
    """Report or resolve differences of a refund; its id if it is to be settled because the provider is ahead."""
    refund = _find_refund(provider_refund)
    if refund is None:
        detail = f"the provider refunded {provider_refund.money} of {provider_refund.intent_id} without our request"
        report("unknown_refund", provider_refund.id, detail, payment_id=_find_payment_id(provider_refund))
        return None
    compare_amount(refund, provider_refund.money, refund.payment_id)
    comparison = compare_refund_states(refund.state, provider_refund.status)
    if comparison is Comparison.DIFFERS:
        detail = f"{refund.state} here, {provider_refund.status} at the provider"
        report("state_differs", refund.id, detail, payment_id=refund.payment_id)
    else:
        resolve("state_differs", refund.id)
        resolve("missing_at_provider", refund.id)
    return refund.id if comparison is Comparison.PROVIDER_IS_AHEAD else None


def _find_refund(provider_refund: ProviderRefund) -> Refund | None:
    by_provider_id = select(Refund).where(Refund.provider_refund_id == provider_refund.id)
    refund = session().scalar(by_provider_id)
    return refund or (session().get(Refund, provider_refund.refund_id) if provider_refund.refund_id else None)


def _find_payment_id(provider_refund: ProviderRefund) -> str | None:
    return session().scalar(select(Payment.id).where(Payment.provider_intent_id == provider_refund.intent_id))
