"""Opening a payment, by card or with coins.

Coins follow the lifecycle of a card: they are set aside when an order is paid, spent for good when its products are
sold, and given back when the hold is released. An order has one live payment; one that was abandoned at the bank's
check is replaced by the next, so that the order stays payable after a failed attempt.
"""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import Conflict
from services.billing.coins import coin_ledger
from services.billing.payments import publishers
from services.billing.payments.lifecycle import mark_captured, mark_failed, release
from services.billing.payments.payable import Payable
from services.billing.payments.purpose import Purpose, lock_payment, lock_purpose
from services.billing.payments.rules import AWAITING_BANK, LIFECYCLE, REPLACED, WEBHOOK_EXPECTED_WITHIN
from services.billing.payments.store import find_live_payment
from services.billing.payments.tables import Payment


class AlreadyBeingPaid(Conflict):
    slug, title = "already-being-paid", "There is a payment for this order already"


def replace_abandoned_payment(order_id: str) -> Payment | None:
    """Release a live payment that got no further than the bank's check; it is returned if it is to be settled."""
    payment = find_live_payment(order_id)
    if payment is None:
        return None
    purpose = lock_payment(payment)
    if payment.state in AWAITING_BANK:
        payment.failure_code, payment.failure_message = REPLACED, "another payment took its place"
        release(payment, purpose)
    return payment if payment.state == "voiding" else None


def open_card_payment(payment_id: str, payable: Payable, provider_method_id: str) -> Payment:
    """Store a payment before the provider is called; OrderNotPayable, FeeNotPayable, AlreadyBeingPaid."""
    _lock_open_purpose(payable)
    payment = _build_payment(payment_id, payable, method="card", provider_method_id=provider_method_id)
    session().add(payment)
    return payment


def pay_with_coins(payment_id: str, payable: Payable) -> Payment:
    """Pay with coins; OrderNotPayable, FeeNotPayable, AlreadyBeingPaid, NotEnoughCoins."""
    purpose = _lock_open_purpose(payable)
    key = f"spent:{payable.fee_id or payment_id}"
    coin_ledger.spend(payable.payer_id, payable.coins, key=key, order_id=payable.order_id)
    payment = _build_payment(payment_id, payable, method="coins", coins=payable.coins)
    session().add(payment)
    payment.change_state("authorized")
    if purpose.waits_for_sale:
        publishers.publish_authorized(payment)
    else:
        payment.change_state("capturing")
        mark_captured(payment, purpose)
    return payment


def _lock_open_purpose(payable: Payable) -> Purpose:
    purpose = lock_purpose(payable.order_id, payable.fee_id)
    purpose.require_open()
    live = find_live_payment(payable.order_id)
    if live is not None:
        raise AlreadyBeingPaid(f"its payment {live.id} is {live.state}")
    return purpose


def _build_payment(payment_id: str, payable: Payable, **details: Any) -> Payment:
    now = clock.now()
    return Payment(
        id=payment_id,
        order_id=payable.order_id,
        live_order_id=payable.order_id,
        buyer_id=payable.payer_id,
        fee_id=payable.fee_id,
        state=LIFECYCLE.initial,
        amount=payable.total.amount,
        currency=payable.total.currency,
        lines=payable.lines,
        created_at=now,
        changed_at=now,
        **details,
    )


def record_intent(payment_id: str, intent_id: str) -> None:
    """Store the provider's intent before it is confirmed; the payment of a fee is polled from now on."""
    payment = session().get_one(Payment, payment_id)
    payment.provider_intent_id = intent_id
    if payment.fee_id is not None:  # the payment of an order ends with its hold
        payment.settle_at = clock.now() + WEBHOOK_EXPECTED_WITHIN


def record_decline(payment_id: str, code: str, message: str) -> None:
    """The card was declined or refused."""
    payment = session().get_one(Payment, payment_id)
    lock_payment(payment)
    if payment.state == "created":
        mark_failed(payment, code, message)
