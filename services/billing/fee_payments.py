"""Paying a fee by card or with coins, and giving the payment back when the fee is no longer needed.

A card payment is one of `payments.py` with `fee_id`: the bank's check, declines, webhooks and settling are
the same. The fee is locked before anything is decided, so that it is paid once, whoever asks at the
same moment.
"""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from services.billing import coins, fees, payment_states, payments, settlement
from services.billing.models import Fee, Payment
from services.billing.orders import PayableOrder


def pay(fee_id: str, payer_id: str, payment_id: str, method: str, payment_method: str | None) -> Payment:
    """Pay an own fee; the same `payment_id` again is the same payment.

    NotFound, FeeNotPayable, AlreadyBeingPaid, PaymentGivenUp, NotEnoughCoins, CardDeclined, CardRefused,
    ProviderUnavailable.
    """
    fees.get_own(fee_id, payer_id)
    payments.refuse_method_without_card(method, payment_method)
    if payment_method is None:
        return payment_states.find(payment_id) or _pay_with_coins(fee_id, payment_id)
    payment = payment_states.find(payment_id) or _open_card_payment(fee_id, payment_id, payment_method)
    payments.authorize(payment)
    settlement.capture_at_once(payment)
    if payment.state in ("voiding", "voided"):
        session().commit()
        raise payments.PaymentGivenUp("nothing was charged; read the fee to see whether it is still due")
    return payment


def _open_card_payment(fee_id: str, payment_id: str, payment_method: str) -> Payment:
    fee = _payable(fee_id)
    subject = PayableOrder(fee.order_id, fee.payer_id, fee.money, [])
    return payments.open_payment(payment_id, subject, payment_method, fee_id=fee.id)


def _pay_with_coins(fee_id: str, payment_id: str) -> Payment:
    fee = _payable(fee_id)
    coins.spend(fee.payer_id, fee.coins, key=f"spent:{fee.id}", order_id=fee.order_id)
    moment = clock.now()
    payment = Payment(
        id=payment_id,
        order_id=fee.order_id,
        live_order_id=fee.order_id,
        buyer_id=fee.payer_id,
        fee_id=fee.id,
        state="captured",
        method="coins",
        amount=fee.amount,
        currency=fee.currency,
        coins=fee.coins,
        lines=[],
        created_at=moment,
        changed_at=moment,
        captured_at=moment,
    )
    session().add(payment)
    fees.mark_paid(fee, moment)
    return payment


def _payable(fee_id: str) -> Fee:
    """The fee, locked, when it is due and no payment of it is at work."""
    _end_abandoned(fee_id)
    fee = fees.locked(fee_id)
    fees.refuse_unless_due(fee)
    payments.refuse_second(fee.order_id)
    return fee


def _end_abandoned(fee_id: str) -> None:
    """Give up a payment that got no further than the bank's check: somebody who has lost its answer, or the card
    of which did not work out, begins anew. ProviderUnavailable when that cannot be made sure."""
    fee = fees.locked(fee_id)
    live = payment_states.live_payment_of(fee.order_id)
    if fee.state != "due" or live is None or live.state not in ("created", "requires_action", "voiding"):
        return
    payments.give_back_for(fee.order_id)
    session().commit()
    if live.state == "voiding":
        settlement.settle(live.id)


def give_up(order_id: str) -> None:
    """The order of the fee went another way: the fee is void, and what was paid of it goes back by itself."""
    fee = fees.locked_of(order_id)
    if fee is None:
        return
    if fee.state == "due":
        fees.move(fee, "void")
        payments.give_back_for(order_id)
    elif fee.state == "paid":
        fees.move(fee, "refunding")
        payments.refund_fee(fee)
