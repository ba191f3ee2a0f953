"""Payments by card: authorised while the products are held, captured when they are sold (story b-bu-04).

A payment can be for a fee instead (stories rd-c-02, rd-r-re-02): it is captured as soon as the bank agrees, unless
the fee is no longer needed by then, and what was captured for such a fee goes back.

The order of things keeps money and goods together: a payment is captured only for a hold that shopping has turned
into a sale, and an authorised payment whose hold is released is given back (docs/decisions/0008). What is decided
in a transaction (`capturing`, `voiding`) is done at the provider after it, by `settlement.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound
from services.billing import card_provider, coins, fees
from services.billing.card_provider import CardDeclined, CardRefused, Intent
from services.billing.models import Fee, Payment, ProviderEvent
from services.billing.orders import PayableOrder
from services.billing.registry import registry

MOVES: dict[str, frozenset[str]] = {
    "created": frozenset({"requires_action", "authorized", "failed", "voiding", "voided"}),
    "requires_action": frozenset({"authorized", "failed", "voiding", "voided"}),
    "authorized": frozenset({"capturing", "voiding", "voided"}),
    "capturing": frozenset({"captured", "voided"}),
    "voiding": frozenset({"voided"}),
    "captured": frozenset({"refunding", "refunded"}),
    "refunding": frozenset({"refunded"}),
    "voided": frozenset(),
    "failed": frozenset(),
    "refunded": frozenset(),
}
ENDED = frozenset({"voided", "failed", "refunded"})
SETTLED_AT_ONCE = frozenset({"capturing", "voiding", "refunding"})
NEWS_WITHIN = timedelta(seconds=60)
CAPTURED_BY_CALLER_WITHIN = timedelta(seconds=30)


class IllegalMove(Conflict):
    slug, title = "illegal-move", "The payment cannot do that in its present state"


class AlreadyBeingPaid(Conflict):
    slug, title = "already-being-paid", "There is a payment for this order already"


class NotPaidYet(Conflict):
    slug, title = "not-paid-yet", "The payment is not complete yet"


class NoReceipt(Conflict):
    slug, title = "no-receipt", "There is no receipt for this payment"


def move(payment: Payment, state: str) -> None:
    """Bring a payment into another state; IllegalMove when the table above does not have that."""
    if state not in MOVES[payment.state]:
        raise IllegalMove(f"a payment that is {payment.state} cannot become {state}")
    payment.state = state
    payment.changed_at = clock.now()
    if state in ENDED:
        payment.live_order_id = None
    payment.settle_at = _settle_at(state)


def _settle_at(state: str) -> datetime | None:
    """When to ask the provider next about a payment that came into `state`."""
    if state in SETTLED_AT_ONCE:
        return clock.now()
    return clock.now() + NEWS_WITHIN if state == "requires_action" else None


def find(payment_id: str) -> Payment | None:
    return session().get(Payment, payment_id)


def get_own(payment_id: str, buyer_id: str) -> Payment:
    """An own payment; NotFound for somebody else's too (domain rule 5)."""
    payment = find(payment_id)
    if payment is None or payment.buyer_id != buyer_id:
        raise NotFound
    return payment


def open_payment(
    payment_id: str, order: PayableOrder, payment_method: str, *, fee_id: str | None = None
) -> Payment:
    """A payment row, committed before the provider is asked; the same id again gives the row that is there."""
    known = find(payment_id)
    if known is not None:
        return known
    moment = clock.now()
    payment = Payment(
        id=payment_id,
        order_id=order.id,
        live_order_id=order.id,
        buyer_id=order.buyer_id,
        state="created",
        method="card",
        amount=order.total.amount,
        currency=order.total.currency,
        lines=order.lines,
        fee_id=fee_id,
        provider_method_id=payment_method,
        created_at=moment,
        changed_at=moment,
    )
    session().add(payment)
    try:
        session().commit()
    except IntegrityError:
        session().rollback()
        raise AlreadyBeingPaid(_live_payment_hint(order.id)) from None
    return payment


def _live_payment_hint(order_id: str) -> str:
    live = session().scalar(select(Payment.id).where(Payment.live_order_id == order_id))
    return f"its payment is {live}"


def authorize(payment: Payment) -> Payment:
    """Ask the bank to set the money aside, from wherever the payment is; CardDeclined ends it."""
    if payment.state == "failed":
        raise CardDeclined(payment.failure_message or "", decline_code=payment.failure_code or "")
    if payment.state != "created" or payment.provider_method_id is None:
        return payment
    session().commit()  # no transaction is open while the provider is asked
    try:
        if payment.provider_intent_id is None:
            created = card_provider.create(payment.id, payment.order_id, payment.money, payment.provider_method_id)
            payment.provider_intent_id = created.id
            if payment.fee_id is not None:  # an order's payment is looked after with its hold
                payment.settle_at = clock.now() + NEWS_WITHIN
            session().commit()
        intent = card_provider.confirm(payment.provider_intent_id, payment.id)
    except (CardDeclined, CardRefused) as declined:
        _fail(payment, str(declined.extensions.get("decline_code", "")), declined.detail)
        session().commit()
        raise
    apply(payment, intent)
    return payment


def confirm_after_action(payment: Payment) -> Payment:
    """Go on after the bank's own check (3-D-Secure): what the provider says now counts."""
    if payment.state == "requires_action" and payment.provider_intent_id is not None:
        session().commit()
        apply(payment, card_provider.read(payment.provider_intent_id))
        if payment.state == "failed":
            session().commit()
            raise CardDeclined(payment.failure_message or "", decline_code=payment.failure_code or "")
    return payment


def apply(payment: Payment, intent: Intent) -> None:
    """Bring our row to what the provider says; saying it twice changes nothing."""
    _lock_fee_of(payment)
    payment.card_brand = intent.card_brand or payment.card_brand
    payment.card_last4 = intent.card_last4 or payment.card_last4
    if intent.status == "requires_action" and payment.state == "created":
        payment.next_action, payment.client_secret = intent.next_action, intent.client_secret
        move(payment, "requires_action")
    elif intent.status == "requires_capture" and payment.state in ("created", "requires_action"):
        payment.next_action = payment.client_secret = None
        _mark_authorized(payment)
    elif intent.status == "succeeded" and payment.state == "capturing":
        _mark_captured(payment)
    elif intent.status == "requires_payment_method" and payment.state in ("created", "requires_action"):
        _fail(payment, intent.failure_code or "declined", intent.failure_message or "the bank declined")
    elif intent.status == "canceled" and "voided" in MOVES[payment.state]:
        _void(payment, "the order expired" if payment.state == "voiding" else "cancelled by the provider")


def _fail(payment: Payment, code: str, message: str) -> None:
    payment.failure_code, payment.failure_message = code[:64], message[:300]
    payment.next_action = payment.client_secret = None
    move(payment, "failed")


def _lock_fee_of(payment: Payment) -> Fee | None:
    """The fee that a payment is for, locked, and the payment read again under that lock."""
    if payment.fee_id is None:
        return None
    fee = fees.locked(payment.fee_id)
    session().refresh(payment)
    return fee


def _mark_authorized(payment: Payment) -> None:
    move(payment, "authorized")
    if payment.fee_id is None:
        _publish(payment, "authorized", amount=payment.money.to_dict())
    elif fees.locked(payment.fee_id).state == "due":
        move(payment, "capturing")
        payment.settle_at = clock.now() + CAPTURED_BY_CALLER_WITHIN
    else:
        move(payment, "voiding")


def _mark_captured(payment: Payment) -> None:
    move(payment, "captured")
    payment.captured_at = clock.now()
    if payment.fee_id is not None:
        _mark_fee_paid(payment, fees.locked(payment.fee_id))
        return
    amount, captured_at = payment.money.to_dict(), clock.rfc3339(payment.captured_at)
    _publish(payment, "captured", amount=amount, captured_at=captured_at)


def _mark_fee_paid(payment: Payment, fee: Fee) -> None:
    if fee.state == "due":
        fees.mark_paid(fee, payment.captured_at or clock.now())
    else:  # it became void while its money was being taken
        fees.move(fee, "refunding")
        move(payment, "refunding")


def refund_fee(fee: Fee) -> None:
    """Give back what a fee was paid with: coins now, a card by settling; a fee of nothing has no payment."""
    payment = live_payment_of(fee.order_id)
    if payment is None:
        fees.move(fee, "refunded")
    elif payment.coins is not None:
        coins.refund(fee.payer_id, payment.coins, key=f"refunded:{fee.id}", order_id=fee.order_id)
        mark_refunded(payment)
    else:
        move(payment, "refunding")


def mark_refunded(payment: Payment) -> None:
    """The money or the coins are back; twice is once."""
    fee = _lock_fee_of(payment)
    if payment.state == "refunded":
        return
    move(payment, "refunded")
    if fee is not None:
        fees.move(fee, "refunded")


def _void(payment: Payment, reason: str) -> None:
    move(payment, "voided")
    if payment.fee_id is None:
        _publish(payment, "voided", reason=reason)


def _publish(payment: Payment, what: str, **data: object) -> None:
    session().flush()
    common = {"payment_id": payment.id, "order_id": payment.order_id, "buyer_id": payment.buyer_id}
    registry.publish(f"billing.payment.{what}.v1", subject=payment.id, data=common | data, version=payment.version)


def live_payment_of(order_id: str) -> Payment | None:
    return session().scalar(select(Payment).where(Payment.live_order_id == order_id))


def capture_for(order_id: str) -> None:
    """The products are sold: the money is to be taken."""
    payment = live_payment_of(order_id)
    if payment is None:
        raise LookupError(f"no payment for the sold order {order_id}")
    if payment.state == "authorized":
        move(payment, "capturing")


def give_back_for(order_id: str) -> None:
    """The products are free again: a payment that is not to be captured is given back."""
    payment = live_payment_of(order_id)
    if payment is None:
        return
    _lock_fee_of(payment)
    if payment.state not in ("created", "requires_action", "authorized"):
        return
    if payment.provider_intent_id is None:
        _void(payment, "the order expired")
    else:
        move(payment, "voiding")


def take_notice(notice: card_provider.Notice) -> None:
    """A signed event of the provider, once. The amount must be ours."""
    if session().get(ProviderEvent, notice.event_id) is not None:
        return
    session().add(ProviderEvent(id=notice.event_id, type=notice.type, received_at=clock.now()))
    session().flush()
    payment = session().scalar(select(Payment).where(Payment.provider_intent_id == notice.intent_id))
    if payment is None or notice.type != "payment_intent.succeeded":
        return
    if (notice.amount, notice.currency) != (payment.amount, payment.currency):
        logs.get_logger(__name__).critical("the provider names another amount", payment_id=payment.id)
        return
    _lock_fee_of(payment)
    if payment.state == "capturing":
        _mark_captured(payment)


def receipt_number(payment: Payment) -> str:
    """R-<year>-<the payment's id>: unique, and to be found again."""
    return f"R-{payment.created_at.year}-{payment.id.removeprefix('pay_').upper()}"
