"""Paying a buying order by card or with coins (story b-bu-04).

Coins go the way of a card: they are set aside when the order is paid, taken for good when its products are sold,
and given back when the hold is released. An order has one live payment. One that got no further than the bank's
check is given up when another one begins, so that an order stays payable whatever became of the first try.
"""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.system_settings import setting
from services.billing import coins, fees, orders, payment_states, payments, purchases, settlement
from services.billing.models import Payment
from services.billing.orders import OrderNotPayable, PayableOrder


def pay(order_id: str, buyer_id: str, payment_id: str, method: str, payment_method: str | None) -> Payment:
    """Pay an own order; the same `payment_id` again is the same payment.

    NotFound, OrderNotPayable, AlreadyBeingPaid, PaymentGivenUp, NotEnoughCoins, CardDeclined, CardRefused,
    ProviderUnavailable, ServiceUnavailable.
    """
    payments.refuse_method_without_card(method, payment_method)
    payment = payment_states.find(payment_id)
    if payment is None:
        order = orders.payable_order(order_id, buyer_id)
        _end_abandoned(order.id)
        if payment_method is None:
            return _pay_with_coins(payment_id, order)
        payment = payments.open_payment(payment_id, order, payment_method)
    payments.authorize(payment)
    if payment.state in ("voiding", "voided"):
        session().commit()
        raise payments.PaymentGivenUp("nothing was charged; read the order to see whether it is still to be paid")
    return payment


def price_in_coins(order: PayableOrder) -> int:
    """What an order costs in coins, by the system setting that says what a coin is worth."""
    return fees.in_coins(order.total.amount, setting("billing.coin_value"))


def _pay_with_coins(payment_id: str, order: PayableOrder) -> Payment:
    if purchases.locked(order.id).ended_at is not None:
        raise OrderNotPayable("the order has ended")
    payments.refuse_second(order.id)
    price = price_in_coins(order)
    coins.spend(order.buyer_id, price, key=f"spent:{payment_id}", order_id=order.id)
    payment = _row(payment_id, order, price)
    session().add(payment)
    try:
        session().flush()
    except IntegrityError:  # a card was faster
        session().rollback()
        payments.refuse_second(order.id)
        raise
    payments.announce_authorized(payment)
    return payment


def _row(payment_id: str, order: PayableOrder, price: int) -> Payment:
    moment = clock.now()
    return Payment(
        id=payment_id,
        order_id=order.id,
        live_order_id=order.id,
        buyer_id=order.buyer_id,
        state="authorized",
        method="coins",
        amount=order.total.amount,
        currency=order.total.currency,
        coins=price,
        lines=order.lines,
        created_at=moment,
        changed_at=moment,
    )


def _end_abandoned(order_id: str) -> None:
    """Give up a payment whose answer got lost, or whose card did not work out at the bank's check.

    ProviderUnavailable when that cannot be made sure; then nothing new is begun.
    """
    live = payment_states.live_payment_of(order_id)
    if live is None:
        return
    payment_states.lock(live)
    if live.state in ("created", "requires_action"):
        live.failure_code, live.failure_message = payments.REPLACED, "another payment took its place"
        payments.give_back_for(order_id)
    waits_for_provider = live.state == "voiding"
    session().commit()
    if waits_for_provider:
        settlement.settle(live.id)
