"""Doing at the provider what was decided here: capture, give back, refund, or just look for news that did not come.

Each payment that is due is read from the provider first, so that nothing is done twice, and acted on outside any
transaction. While the provider is away it stays due and is tried again after a growing wait. An answer that is a
failure of the provider ends an attempt; the next one has another key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from libs.chassis import clock, jobs, logs
from libs.chassis.db import is_disconnect, session, unit_of_work
from services.billing import card_provider, payments, refunds
from services.billing.card_provider import (
    CaptureRefused,
    Intent,
    ProviderRefund,
    ProviderUnavailable,
    RefundRefused,
)
from services.billing.models import Payment, Refund

AT_ONCE = 20
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
ABANDONED_AFTER = timedelta(hours=1)
AT_REST = frozenset({"authorized", "captured", "refunding", "refunded", "voided"})


def settle_due() -> None:
    """Settle what is due, longest waiting first: payments, then refunds."""
    _settle_all(Payment, settle)
    _settle_all(Refund, settle_refund)


def _settle_all(kind: type[Payment | Refund], settle_one: Callable[[str], None]) -> None:
    """One that fails, such as one that the provider does not know, is reported and does not block the others."""
    with unit_of_work(reads_only=True) as db:
        due = select(kind.id).where(kind.settle_at <= clock.now())
        ids = list(db.scalars(due.order_by(kind.settle_at).limit(AT_ONCE)))
    for one in ids:
        try:
            settle_one(one)
        except ProviderUnavailable:
            return
        except Exception as error:
            if is_disconnect(error):
                raise
            jobs.report_failure("settle_payments", one, error)
            _postpone(kind, one)


def _postpone(kind: type[Payment | Refund], row_id: str) -> None:
    """Let others come first: a row that failed before its next look was noted would stay the longest waiting.

    A failure may be short, so it waits no longer than after an answer of the provider.
    """
    since = Payment.changed_at if kind is Payment else Refund.created_at
    with unit_of_work() as db:
        waits_since = db.scalars(select(since).where(kind.id == row_id)).one()
        still_due = update(kind).where(kind.id == row_id, kind.settle_at <= clock.now())
        db.execute(still_due.values(settle_at=_next_look(waits_since)))


def _next_look(since: datetime) -> datetime:
    return clock.now() + wait_after(clock.now() - since)


def wait_after(waited: timedelta) -> timedelta:
    """A quarter of the time that it took so far: soon at first, then less and less often."""
    return min(max(waited / 4, SHORTEST_WAIT), LONGEST_WAIT)


def settle(payment_id: str) -> None:
    """Bring one payment to where it is meant to be; ProviderUnavailable leaves it due, and so does a refusal."""
    with unit_of_work():
        payment = session().get_one(Payment, payment_id)
        if is_abandoned(payment, clock.now()):
            payments.give_back_for(payment.order_id)
        state, intent_id, is_fee = payment.state, payment.provider_intent_id, payment.fee_id is not None
        attempt = payment.attempt
        payment.settle_at = _next_look(payment.changed_at) if intent_id else None
    if intent_id is None:
        return
    try:
        with _another_attempt_after_failure(Payment, payment_id):
            intent, just_captured = _act(state, intent_id, payment_id, attempt)
    except CaptureRefused:
        _begin_another_attempt(Payment, payment_id)
        return
    if is_fee or not just_captured:  # else the signed webhook says so, and if it is lost the next look does
        with unit_of_work():
            payment = session().get_one(Payment, payment_id)
            payments.apply(payment, intent)
            if payment.state in AT_REST:
                payment.settle_at = None
    logs.get_logger(__name__).info("settled", payment_id=payment_id, was=state, provider_says=intent.status)


@contextmanager
def _another_attempt_after_failure(kind: type[Payment | Refund], row_id: str) -> Iterator[None]:
    """Inside, the provider is asked. When it answered with a failure, the next try has another key."""
    try:
        yield
    except ProviderUnavailable as away:
        if away.is_final:
            _begin_another_attempt(kind, row_id)
        raise


def _begin_another_attempt(kind: type[Payment | Refund], row_id: str) -> None:
    """The same key would get the same answer."""
    with unit_of_work():
        row: Any = session().get_one(kind, row_id, with_for_update=True)
        row.attempt += 1


def is_abandoned(payment: Payment, now: datetime) -> bool:
    """Whether the payment of a fee was left alone half way; an order's payment ends with the order instead."""
    is_half_way = payment.fee_id is not None and payment.state in ("created", "requires_action")
    return is_half_way and payment.created_at < now - ABANDONED_AFTER


def capture_at_once(payment: Payment) -> None:
    """Take the money of a fee now, after the bank agreed; while the provider is away, settling does it later."""
    if payment.fee_id is None or payment.state != "capturing":
        return
    session().commit()
    with suppress(ProviderUnavailable):
        settle(payment.id)
    session().refresh(payment)


def _act(state: str, intent_id: str, payment_id: str, attempt: int) -> tuple[Intent, bool]:
    """What the provider says after we asked for what is meant, and whether that was a capture that did its work.

    An intent whose capture the bank refused waits for another card; it is cancelled, and so its payment is over.
    """
    intent, was_captured = card_provider.read(intent_id), False
    if state == "capturing" and intent.status == "requires_capture":
        intent = card_provider.capture(intent_id, payment_id, attempt)
        was_captured = intent.status == "succeeded"
    was_refused = state == "capturing" and intent.status == "requires_payment_method"
    if (was_refused or state in ("voiding", "voided", "failed")) and intent.status not in ("canceled", "succeeded"):
        intent = card_provider.cancel(intent_id, payment_id, attempt)
    return intent, was_captured


def settle_refund(refund_id: str) -> None:
    """Give the money of one refund back; ProviderUnavailable leaves it due."""
    with unit_of_work():
        refund = session().get_one(Refund, refund_id)
        if refund.method != "card" or refund.state == "failed":
            refund.settle_at = None
            return
        refund.settle_at = _next_look(refund.created_at)
        state, made_id = refund.state, refund.provider_refund_id
        intent_id = session().get_one(Payment, refund.payment_id).provider_intent_id
        amount, attempt = refund.amount, refund.attempt
    assert intent_id is not None, refund_id  # only what a card paid waits for the provider
    try:
        with _another_attempt_after_failure(Refund, refund_id):
            if state == "made" and made_id is not None:
                made = card_provider.read_refund(made_id)
            else:
                made = card_provider.refund(intent_id, refund_id, amount, attempt)
    except RefundRefused as refused:
        with unit_of_work():
            refund, payment, _ = refunds.locked(refund_id)
            refunds.mark_failed(refund, payment, refused.code)
        return
    with unit_of_work():
        apply_refund(refund_id, made)
    logs.get_logger(__name__).info("refund settled", refund_id=refund_id, provider_says=made.status)


def apply_refund(refund_id: str, made: ProviderRefund) -> None:
    """Bring our refund to what the provider says; while it is on its way, we look again.

    One that was made is looked at again when the provider tells that the bank sent it back.
    """
    refund, payment, _ = refunds.locked(refund_id)
    refund.provider_refund_id = made.id
    if made.status == "succeeded":
        refunds.mark_made(refund, payment)
        refund.settle_at = None
    elif made.status in ("failed", "canceled"):
        refunds.mark_failed(refund, payment, made.failure_code or made.status)
