"""Reconciliation: our payments and refunds are compared with the provider's.

The provider's are listed by their creation, window after window, a few pages per run; a row records the progress,
so that a crash leaves nothing out. What we missed, such as a lost webhook, is settled immediately; what only a
person can decide is reported as a payment discrepancy. Rows of ours that were in no list are read by their provider
id. A payment that has not been settled for an hour is reported, too, until it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import stripe
from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis import clock, jobs, logs
from libs.chassis.db import is_disconnect, session, unit_of_work
from services.billing.payments.rules import IN_PROGRESS
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.provider.stripe_client import Intent, ProviderRefund, ProviderUnavailable, Window
from services.billing.reconciliation import comparison, payment_discrepancies
from services.billing.reconciliation.rules import calculate_window_end
from services.billing.reconciliation.tables import PaymentDiscrepancy, ReconciliationWindow
from services.billing.refunds.tables import Refund
from services.billing.registry import registry
from services.billing.settlement.jobs import settle_payment, settle_refund

JOB = "reconcile_with_provider"
MAX_PAGES_PER_RUN = 3
PAGE_SIZE = 50
FIRST_WINDOW_AGE = timedelta(days=1)
SETTLED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class _Kind:
    """Payments or refunds: how to list the provider's, to compare one, and to compare ours that were not listed."""

    name: str
    list_page: Callable[[Window, str | None], tuple[Sequence[Any], bool]]
    compare: Callable[[Any], None]
    compare_unlisted: Callable[[Window], None]


@registry.every(seconds=300)
def reconcile_with_provider() -> None:
    """Compare what is due and fits into one run; while the provider is unavailable, the next run continues.

    A payment or refund that cannot be compared is reported and does not block the others.
    """
    report_unsettled_payments()
    try:
        for kind in KINDS:
            _compare_due(kind)
    except ProviderUnavailable:
        logs.get_logger(__name__).warning("reconciliation waits for the payment provider")


def report_unsettled_payments() -> None:
    """Report payments that should have been captured or voided long ago, and resolve those that have been since."""
    unsettled = select(Payment.id).where(
        Payment.settle_at.is_not(None),
        Payment.state.in_(IN_PROGRESS),
        Payment.changed_at < clock.now() - SETTLED_WITHIN,
    )
    jobs.for_each(JOB, unsettled, _report_unsettled)
    settled = (
        select(PaymentDiscrepancy.subject)
        .join(Payment, Payment.id == PaymentDiscrepancy.subject)
        .where(
            PaymentDiscrepancy.kind == "not_settled",
            PaymentDiscrepancy.state != "resolved",
            Payment.state.not_in(IN_PROGRESS),
        )
    )
    jobs.for_each(JOB, settled, lambda payment_id: payment_discrepancies.resolve("not_settled", payment_id))


def _report_unsettled(payment_id: str) -> None:
    payment = session().get_one(Payment, payment_id)
    detail = f"{payment.state} since {clock.rfc3339(payment.changed_at)}"
    payment_discrepancies.report("not_settled", payment_id, detail, payment_id=payment_id)


def _compare_due(kind: _Kind) -> None:
    for _ in range(MAX_PAGES_PER_RUN):
        due = _get_due_window(kind.name)
        if due is None:
            return
        window, after = due
        items, has_more = kind.list_page(window, after)
        for item in items:
            with _report_failures(item.id):
                kind.compare(item)
        if not has_more:
            kind.compare_unlisted(window)
        with unit_of_work():
            progress = session().get_one(ReconciliationWindow, kind.name)
            if has_more:
                progress.after = items[-1].id
            else:
                progress.since, progress.after = progress.until, None


def _get_due_window(name: str) -> tuple[Window, str | None] | None:
    """The window to compare now, and the provider id to continue after; None when nothing is old enough."""
    with unit_of_work():
        row = session().get(ReconciliationWindow, name)
        if row is None:
            since = clock.now() - FIRST_WINDOW_AGE
            row = ReconciliationWindow(kind=name, since=since, until=calculate_window_end(since, clock.now()))
            session().add(row)
        elif row.after is None:
            row.until = calculate_window_end(row.since, clock.now())
        return ((row.since, row.until), row.after) if row.until > row.since else None


def compare_intent(intent: Intent) -> None:
    """Compare one payment with the provider's; a missed state is settled before it is reported."""
    with unit_of_work():
        payment = comparison.find_payment(intent)
        is_superseded = payment is None and comparison.check_unknown_intent(intent)
        if payment is not None:
            comparison.compare_amount(payment, intent.money, payment.id)
            agrees = comparison.states_agree(payment, intent)
    if payment is not None:
        _compare_state(payment.id, intent, agrees=agrees)
    elif is_superseded:
        attempt = int(clock.now().timestamp())  # each run is another attempt
        stripe_client.cancel(intent.id, intent.id, attempt)


def _compare_state(payment_id: str, intent: Intent, *, agrees: bool) -> None:
    missed = None if agrees else intent.status
    if missed is not None:
        settle_payment(payment_id)
        intent = stripe_client.read(intent.id)
    with unit_of_work():
        comparison.report_state(session().get_one(Payment, payment_id), intent, missed=missed)


def compare_refund(provider_refund: ProviderRefund) -> None:
    """Compare one refund with the provider's; settle it if the provider is ahead."""
    with unit_of_work():
        refund_id = comparison.compare_refund(provider_refund)
    if refund_id is not None:
        settle_refund(refund_id)


def _compare_unlisted_payments(window: Window) -> None:
    unlisted = select(Payment.id, Payment.id, Payment.provider_intent_id).where(
        Payment.created_at >= window[0],
        Payment.created_at < window[1],
        Payment.provider_intent_id.is_not(None),
        Payment.reconciled_at.is_(None),
    )
    _compare_each(unlisted, Payment.id, lambda intent_id: compare_intent(stripe_client.read(intent_id)))


def _compare_unlisted_refunds(window: Window) -> None:
    unlisted = select(Refund.id, Refund.payment_id, Refund.provider_refund_id).where(
        Refund.completed_at >= window[0],
        Refund.completed_at < window[1],
        Refund.provider_refund_id.is_not(None),
        Refund.reconciled_at.is_(None),
    )
    _compare_each(unlisted, Refund.id, lambda provider_id: compare_refund(stripe_client.read_refund(provider_id)))


def _compare_each(
    rows: Select[*tuple[Any, ...]], key: InstrumentedAttribute[str], compare: Callable[[str], None]
) -> None:
    """Compare rows of (id, payment id, provider id); one that the provider does not know is reported."""
    for row_id, payment_id, provider_id in _iterate_in_pages(rows, key):
        with _report_failures(row_id):
            try:
                compare(provider_id)
            except stripe.InvalidRequestError:
                with unit_of_work():
                    detail = "the provider does not know it"
                    payment_discrepancies.report("missing_at_provider", row_id, detail, payment_id=payment_id)


def _iterate_in_pages(rows: Select[*tuple[Any, ...]], key: InstrumentedAttribute[str]) -> Iterator[Any]:
    """All rows in the order of their key, which is the first column; no transaction is open between two rows."""
    last = ""
    while True:
        with unit_of_work(reads_only=True) as db:
            page = db.execute(rows.where(key > last).order_by(key).limit(PAGE_SIZE)).all()
        yield from page
        if len(page) < PAGE_SIZE:
            return
        last = page[-1][0]


@contextmanager
def _report_failures(subject: str) -> Iterator[None]:
    """Report a failure of one subject; raise what concerns all: an unavailable provider or database."""
    try:
        yield
    except ProviderUnavailable:
        raise
    except Exception as error:
        if is_disconnect(error):
            raise
        jobs.report_failure(JOB, subject, error)


KINDS = (
    _Kind("payments", stripe_client.list_intents, compare_intent, _compare_unlisted_payments),
    _Kind("refunds", stripe_client.list_refunds, compare_refund, _compare_unlisted_refunds),
)
