"""Payments by card: authorised while the products are held, captured when they are sold (story b-bu-04).

A payment can be for a fee instead (stories rd-c-02, rd-r-re-02): it is captured as soon as the bank agrees, unless
the fee is no longer needed by then, and what was captured for such a fee goes back.

The order of things keeps money and goods together: a payment is captured only for a hold that shopping has turned
into a sale, and an authorised payment whose hold is released is given back (docs/decisions/0008). What is decided
in a transaction (`capturing`, `voiding`) is done at the provider after it, by `settlement.py`.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import BadRequest, Conflict
from services.billing import (
    card_provider,
    coins,
    declines,
    fees,
    findings,
    money_ledger,
    payment_states,
    purchases,
    refunds,
)
from services.billing.card_provider import AmountTooSmall, CardDeclined, CardRefused, Intent, ProviderUnavailable
from services.billing.models import Fee, Payment, Purchase
from services.billing.orders import PayableOrder
from services.billing.payment_states import MOVES, NEWS_WITHIN, UNDER_WAY, find, live_payment_of, move
from services.billing.registry import registry

CAPTURED_BY_CALLER_WITHIN = timedelta(seconds=30)
ORDER_NOT_KEPT, SALE_NOT_PAID, GIVEN_UP = "order_not_kept", "sale_not_paid", "given_up_by_provider"
REASONS = {
    ORDER_NOT_KEPT: "the order was not kept",
    SALE_NOT_PAID: "the money of the sale could not be taken",
    GIVEN_UP: "cancelled by the provider",
}
REPLACED = "replaced"


class AlreadyBeingPaid(Conflict):
    slug, title = "already-being-paid", "There is a payment for this order already"


class PaymentGivenUp(Conflict):
    slug, title = "payment-given-up", "Another payment took its place, or what it was for is no longer to be paid"


class NotPaidYet(Conflict):
    slug, title = "not-paid-yet", "The payment is not complete yet"


class NoReceipt(Conflict):
    slug, title = "no-receipt", "There is no receipt for this payment"


def refuse_method_without_card(method: str, payment_method: str | None) -> None:
    """BadRequest unless a card comes with `card`, and only then."""
    if (method == "card") != (payment_method is not None):
        detail = "needed to pay by card, and only then"
        raise BadRequest(f"payment_method is {detail}", errors=[{"pointer": "/payment_method", "detail": detail}])


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
        refuse_second(order.id)
        raise
    return payment


def refuse_second(order_id: str) -> None:
    """AlreadyBeingPaid when an order has a live payment."""
    live = live_payment_of(order_id)
    if live is not None:
        raise AlreadyBeingPaid(f"its payment {live.id} is {live.state}")


def authorize(payment: Payment) -> Payment:
    """Ask the bank to set the money aside, from wherever the payment is; CardDeclined ends it."""
    if payment.state == "failed":
        if payment.failure_code == AmountTooSmall.CODE:
            raise AmountTooSmall(payment.failure_message or "", decline_code=AmountTooSmall.CODE)
        raise CardDeclined(payment.failure_message or "", decline_code=payment.failure_code or "")
    if payment.state != "created" or payment.provider_method_id is None:
        return payment
    session().commit()  # no transaction is open while the provider is asked
    try:
        intent = _ask_bank(payment, payment.provider_method_id)
    except (CardDeclined, CardRefused) as declined:
        payment_states.lock(payment)
        if payment.state == "created":
            _fail(payment, str(declined.extensions.get("decline_code", "")), declined.detail)
        session().commit()
        raise
    except ProviderUnavailable as away:
        if away.is_final:
            payment.attempt += 1
            session().commit()
        raise
    apply(payment, intent)
    return payment


def _ask_bank(payment: Payment, payment_method: str) -> Intent:
    if payment.provider_intent_id is None:
        created = card_provider.create(payment.id, payment.order_id, payment.money, payment_method, payment.attempt)
        payment.provider_intent_id = created.id
        if payment.fee_id is not None:  # an order's payment is looked after with its hold
            payment.settle_at = clock.now() + NEWS_WITHIN
        session().commit()
    return card_provider.confirm(payment.provider_intent_id, payment.id, payment.attempt)


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
    subject = payment_states.lock(payment)
    payment.card_brand = intent.card_brand or payment.card_brand
    payment.card_last4 = intent.card_last4 or payment.card_last4
    state, under_way = payment.state, payment.state in ("created", "requires_action")
    if intent.status == "requires_action" and state == "created":
        payment.next_action, payment.client_secret = intent.next_action, intent.client_secret
        move(payment, "requires_action")
    elif intent.status == "requires_capture" and under_way:
        _mark_authorized(payment, subject)
    elif intent.status == "requires_payment_method" and under_way:
        _fail(payment, intent.failure_code or "declined", intent.failure_message or declines.USE_ANOTHER)
    elif intent.status == "succeeded":
        mark_taken(payment, subject)
    elif intent.status == "canceled":
        _mark_given_up(payment)


def _mark_given_up(payment: Payment) -> None:
    """The provider holds nothing for this payment any more."""
    if payment.state == "failed":
        payment.settle_at = None
    elif payment.state == "capturing" and payment.fee_id is None:
        findings.report(SALE_NOT_PAID, payment.id, REASONS[SALE_NOT_PAID], payment_id=payment.id)
        _void(payment, SALE_NOT_PAID)
    elif "voided" in MOVES[payment.state]:
        _void(payment, ORDER_NOT_KEPT if payment.state == "voiding" else GIVEN_UP)


def _fail(payment: Payment, code: str, message: str) -> None:
    payment.failure_code, payment.failure_message = code[:64], message[:300]
    payment.next_action = payment.client_secret = None
    move(payment, "failed")


def _mark_authorized(payment: Payment, subject: Fee | Purchase) -> None:
    payment.next_action = payment.client_secret = None
    move(payment, "authorized")
    if isinstance(subject, Fee):
        move(payment, "capturing" if subject.state == "due" else "voiding")
        if payment.state == "capturing":
            payment.settle_at = clock.now() + CAPTURED_BY_CALLER_WITHIN
    elif subject.ended_at is not None:
        _give_back(payment)
    else:
        announce_authorized(payment)


def mark_taken(payment: Payment, subject: Fee | Purchase) -> None:
    """The money is taken. What was not to be taken any more goes back by itself."""
    if "captured" not in MOVES[payment.state] or payment.captured_at is not None:
        return
    is_late = payment.state != "capturing"
    move(payment, "captured")
    payment.captured_at = clock.now()
    if payment.method == "card":
        money_ledger.captured(payment)
    if is_late:
        payment.live_order_id = None
        refunds.start(payment, payment.amount, key=f"late:{payment.id}", reason="late")
    elif isinstance(subject, Fee):
        _mark_fee_paid(payment, subject)
    elif subject.ended_at is not None:
        refund_cancelled(payment)
    else:
        announce_captured(payment)


def refund_cancelled(payment: Payment) -> None:
    """Give back what is left of the payment of an order that was cancelled (story rb-c-02)."""
    left = payment.amount - payment.refunded
    if left:
        refunds.start(payment, left, key=f"cancelled:{payment.order_id}", reason="cancelled")


def _mark_fee_paid(payment: Payment, fee: Fee) -> None:
    if fee.state == "due":
        fees.mark_paid(fee, payment.captured_at or clock.now())
    else:  # it became void while its money was being taken
        fees.move(fee, "refunding")
        refund_fee(fee)


def refund_fee(fee: Fee) -> None:
    """Give back what a fee was paid with; a fee of nothing has no payment."""
    payment = live_payment_of(fee.order_id)
    if payment is None:
        fees.move(fee, "refunded")
    else:
        refunds.start(payment, payment.amount, key=f"fee:{fee.id}", reason="fee")


def _void(payment: Payment, reason_code: str) -> None:
    move(payment, "voided")
    payment.next_action = payment.client_secret = None
    if payment.fee_id is None and payment.failure_code != REPLACED:
        _publish_voided(payment, reason_code)


def _publish_voided(payment: Payment, reason_code: str) -> None:
    _publish(payment, "voided", method=payment.method, reason_code=reason_code, reason=REASONS[reason_code])


def _publish(payment: Payment, what: str, **data: object) -> None:
    session().flush()
    common = {"payment_id": payment.id, "order_id": payment.order_id, "buyer_id": payment.buyer_id}
    registry.publish(f"billing.payment.{what}.v1", subject=payment.id, data=common | data, version=payment.version)


def announce_authorized(payment: Payment) -> None:
    """Publish that the money or the coins of an order are set aside."""
    _publish(payment, "authorized", amount=payment.money.to_dict())


def announce_captured(payment: Payment) -> None:
    """Publish that the money or the coins of an order are taken."""
    amount, captured_at = payment.money.to_dict(), clock.rfc3339(payment.captured_at)
    how = {"method": payment.method, "coins": payment.coins}
    _publish(payment, "captured", amount=amount, captured_at=captured_at, **how)


def announce_unpaid_sale(payment: Payment) -> None:
    """Publish that the products were sold and the money could not be taken."""
    _publish_voided(payment, SALE_NOT_PAID)


def capture_for(order_id: str) -> None:
    """The products are sold: the money is to be taken. Coins are taken already."""
    purchase = purchases.locked(order_id)
    payment = live_payment_of(order_id)
    if payment is None:
        # Told again after all of its money went back, the sale was paid all the same.
        if purchase.ended_at is None and payment_states.taken_payment_of(order_id) is None:
            _give_up_sale(order_id)
        return
    payment_states.lock(payment)
    if payment.state == "authorized":
        move(payment, "capturing")
        if payment.method == "coins":
            mark_taken(payment, purchase)


def _give_up_sale(order_id: str) -> None:
    """The provider gave the authorisation up before the sale was heard of: the order cannot be kept."""
    voided = select(Payment).where(Payment.order_id == order_id, Payment.state == "voided")
    payment = session().scalar(voided.order_by(Payment.created_at.desc()).limit(1))
    if payment is None:
        raise LookupError(f"no payment for the sold order {order_id}")
    findings.report(SALE_NOT_PAID, payment.id, REASONS[SALE_NOT_PAID], payment_id=payment.id)
    announce_unpaid_sale(payment)


def give_back_for(order_id: str) -> None:
    """The products are free again: a payment that is not to be captured is given back."""
    payment = live_payment_of(order_id)
    if payment is None:
        return
    payment_states.lock(payment)
    if payment.state in UNDER_WAY:
        _give_back(payment)


def _give_back(payment: Payment) -> None:
    if payment.coins is not None:
        coins.refund(payment.buyer_id, payment.coins, key=f"voided:{payment.id}", order_id=payment.order_id)
    if payment.provider_intent_id is None:
        _void(payment, ORDER_NOT_KEPT)
    else:
        move(payment, "voiding")


def receipt_number(payment: Payment) -> str:
    """R-<year>-<the payment's id>: unique, and to be found again."""
    return f"R-{payment.created_at.year}-{payment.id.removeprefix('pay_').upper()}"
