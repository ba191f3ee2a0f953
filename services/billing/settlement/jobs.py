"""Settlement: the provider carries out what was decided here, and reports what we have missed.

A settlement is two transactions with calls of the provider between them. While the provider is unavailable, a
payment or refund stays due and is tried again after a growing delay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, update

from libs.chassis import clock, jobs, logs
from libs.chassis.db import is_disconnect, session, unit_of_work
from services.billing.payments.tables import Payment
from services.billing.provider.stripe_client import CaptureRefused, ProviderUnavailable, RefundRefused
from services.billing.refunds.tables import Refund
from services.billing.registry import registry
from services.billing.settlement.rules import schedule_retry
from services.billing.settlement.steps import PaymentSettlement, RefundSettlement

BATCH_SIZE = 20


@registry.every(seconds=0.5)
def settle_with_provider() -> None:
    """Settle the payments and then the refunds that are due, the longest due first."""
    _settle_due(Payment, settle_payment)
    _settle_due(Refund, settle_refund)


def settle_payment(payment_id: str) -> None:
    """Settle one payment; ProviderUnavailable leaves it due."""
    with unit_of_work():
        settlement = PaymentSettlement.begin(payment_id)
    if settlement is None:
        return
    try:
        with begin_new_attempt_after_failure(Payment, payment_id):
            intent, is_new_capture = settlement.call_provider()
    except CaptureRefused:
        return
    # The capture of an order is reported by the webhook, or by the next settlement if that is lost.
    if settlement.is_for_fee or not is_new_capture:
        with unit_of_work():
            settlement.complete(intent)
    logs.get_logger(__name__).info(
        "payment settled", payment_id=payment_id, state_before=settlement.state, provider_status=intent.status
    )


def settle_refund(refund_id: str) -> None:
    """Settle one refund; ProviderUnavailable leaves it due."""
    with unit_of_work():
        settlement = RefundSettlement.begin(refund_id)
    if settlement is None:
        return
    try:
        with begin_new_attempt_after_failure(Refund, refund_id):
            provider_refund = settlement.call_provider()
    except RefundRefused as refused:
        with unit_of_work():
            settlement.fail(refused.code)
        return
    with unit_of_work():
        settlement.complete(provider_refund)
    logs.get_logger(__name__).info("refund settled", refund_id=refund_id, provider_status=provider_refund.status)


@contextmanager
def begin_new_attempt_after_failure(table: type[Payment | Refund], row_id: str) -> Iterator[None]:
    """Use another idempotency key next time if the provider has responded with a failure, which it would repeat."""
    try:
        yield
    except (CaptureRefused, ProviderUnavailable) as error:
        if error.is_final:
            with unit_of_work():
                row: Any = session().get_one(table, row_id, with_for_update=True)
                row.attempt += 1
        raise


def _settle_due(table: type[Payment | Refund], settle: Callable[[str], None]) -> None:
    """Settle what is due; a failing row is reported and does not block the others."""
    with unit_of_work(reads_only=True) as db:
        due = select(table.id).where(table.settle_at <= clock.now())
        ids = list(db.scalars(due.order_by(table.settle_at).limit(BATCH_SIZE)))
    for row_id in ids:
        try:
            settle(row_id)
        except ProviderUnavailable:
            return
        except Exception as error:
            if is_disconnect(error):
                raise
            jobs.report_failure("settle_with_provider", row_id, error)
            _postpone(table, row_id)


def _postpone(table: type[Payment | Refund], row_id: str) -> None:
    """Schedule a row whose settlement failed before it scheduled the next; it would stay the longest due."""
    waiting_since = Payment.changed_at if table is Payment else Refund.created_at
    with unit_of_work() as db:
        since = db.scalars(select(waiting_since).where(table.id == row_id)).one()
        still_due = update(table).where(table.id == row_id, table.settle_at <= clock.now())
        db.execute(still_due.values(settle_at=schedule_retry(since, clock.now())))
