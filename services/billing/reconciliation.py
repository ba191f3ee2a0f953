"""Comparing our payments and refunds with the provider's, and mending or reporting what does not agree.

The provider's are listed by the time of their making, window after window, a few pages at a time; how far that got
is a row, so that nothing is left out after a crash. What we missed (a lost webhook or answer) is settled at once;
what only a person can judge is a finding. Whatever of ours no list had is asked for by its id. A payment that
settling could not bring to an end for an hour is a finding too, until it has ended.
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
from libs.chassis.money import Money
from services.billing import card_provider, findings, settlement
from services.billing.card_provider import Intent, ProviderRefund, ProviderUnavailable, Window
from services.billing.comparison import AGREES, AT_WORK, HOLDS_MONEY, Outcome, compared_refund, end_of_window
from services.billing.models import Payment, ReconciliationFinding, ReconciliationWindow, Refund
from services.billing.payment_states import ENDED

JOB = "reconcile_with_provider"
PAGES_AT_ONCE = 3
MOST_IN_A_PAGE = 50
FIRST_WINDOW_BEGINS = timedelta(days=1)
SETTLED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class _Kind:
    """Payments or refunds: how a page of the provider's is listed, one compared, and ours without a mark found."""

    name: str
    page: Callable[[Window, str | None], tuple[Sequence[Any], bool]]
    compare: Callable[[Any], None]
    ask_for_unseen: Callable[[Window], None]


def reconcile() -> None:
    """Compare as much as is due and fits into one run; while the provider is unavailable, the next run continues.

    One that cannot be compared is reported and does not block the others.
    """
    report_unsettled()
    try:
        for kind in KINDS:
            _compare_due(kind)
    except ProviderUnavailable:
        logs.get_logger(__name__).warning("reconciliation goes on when the provider is back")


def report_unsettled() -> None:
    """Tell staff of payments whose money should long be taken or given back, and mend what has ended since."""
    late = select(Payment.id).where(
        Payment.settle_at.is_not(None),
        Payment.state.in_(AT_WORK),
        Payment.changed_at < clock.now() - SETTLED_WITHIN,
    )
    jobs.for_each(JOB, late, _report_unsettled)
    ended = (
        select(ReconciliationFinding.subject)
        .join(Payment, Payment.id == ReconciliationFinding.subject)
        .where(
            ReconciliationFinding.kind == "not_settled",
            ReconciliationFinding.state != "mended",
            Payment.state.not_in(AT_WORK),
        )
    )
    jobs.for_each(JOB, ended, lambda payment_id: findings.mended("not_settled", payment_id))


def _report_unsettled(payment_id: str) -> None:
    payment = session().get_one(Payment, payment_id)
    detail = f"{payment.state} since {clock.rfc3339(payment.changed_at)}"
    findings.report("not_settled", payment_id, detail, payment_id=payment_id)


def _compare_due(kind: _Kind) -> None:
    for _ in range(PAGES_AT_ONCE):
        due = _due_window(kind.name)
        if due is None:
            return
        window, after = due
        found, has_more = kind.page(window, after)
        for one in found:
            with _reported_when_it_fails(one.id):
                kind.compare(one)
        if has_more:
            _go_on_after(kind.name, found[-1].id)
        else:
            kind.ask_for_unseen(window)
            _close_window(kind.name)


def _due_window(name: str) -> tuple[Window, str | None] | None:
    """The window to compare now, and after which of the provider's ids; None when nothing is old enough."""
    with unit_of_work():
        row = session().get(ReconciliationWindow, name)
        if row is None:
            since = clock.now() - FIRST_WINDOW_BEGINS
            row = ReconciliationWindow(kind=name, since=since, until=end_of_window(since, clock.now()))
            session().add(row)
        elif row.after is None:
            row.until = end_of_window(row.since, clock.now())
        return ((row.since, row.until), row.after) if row.until > row.since else None


def _go_on_after(name: str, provider_id: str) -> None:
    with unit_of_work():
        session().get_one(ReconciliationWindow, name).after = provider_id


def _close_window(name: str) -> None:
    with unit_of_work():
        row = session().get_one(ReconciliationWindow, name)
        row.since, row.after = row.until, None


def compare_intent(intent: Intent) -> None:
    """One payment of the provider with ours."""
    with unit_of_work():
        payment = session().scalar(select(Payment).where(Payment.provider_intent_id == intent.id))
        if payment is not None:
            payment.reconciled_at = clock.now()
            _judge_amount(payment.id, payment.money, Money(intent.amount, intent.currency), payment.id)
            payment_id, disagrees = payment.id, intent.status not in AGREES[payment.state]
    if payment is None:
        _judge_stranger(intent)
    else:
        _judge_state(payment_id, disagrees, intent)


def _judge_stranger(intent: Intent) -> None:
    """An intent that no payment of ours goes by. One with money in it is a matter for staff; one that an attempt of
    ours left behind without is cancelled."""
    with unit_of_work():
        payment = session().get(Payment, intent.payment_id) if intent.payment_id else None
        if intent.status in HOLDS_MONEY:
            money = Money(intent.amount, intent.currency)
            detail = f"the provider has {money} ({intent.status}), and we have not"
            findings.report("unknown_payment", intent.id, detail, payment_id=payment.id if payment else None)
            return
        findings.mended("unknown_payment", intent.id)
        is_over = payment is not None and (payment.provider_intent_id is not None or payment.state in ENDED)
    if is_over and intent.status != "canceled":
        card_provider.cancel(intent.id, intent.id, int(clock.now().timestamp()))  # each run is an attempt


def _judge_amount(subject: str, ours: Money, theirs: Money, payment_id: str) -> None:
    if ours == theirs:
        findings.mended("amount_differs", subject)
    else:
        findings.report("amount_differs", subject, f"{ours} here, {theirs} there", payment_id=payment_id)


def _judge_state(payment_id: str, disagrees: bool, intent: Intent) -> None:
    """Settle a payment that did not hear of something; report it when that does not help."""
    before = intent.status
    if disagrees:
        settlement.settle(payment_id)
        intent = card_provider.read(intent.id)
    with unit_of_work():
        payment = session().get_one(Payment, payment_id)
        if intent.status in AGREES[payment.state]:
            if disagrees:
                detail = f"we had not heard that it was {before}"
                findings.report("missed_state", payment_id, detail, payment_id=payment_id)
                findings.mended("missed_state", payment_id)
            findings.mended("state_differs", payment_id)
            findings.mended("missing_at_provider", payment_id)
        elif payment.state not in AT_WORK:  # see report_unsettled
            detail = f"{payment.state} here, {intent.status} there"
            findings.report("state_differs", payment_id, detail, payment_id=payment_id)


def compare_refund(found: ProviderRefund) -> None:
    """One refund of the provider with ours."""
    with unit_of_work():
        refund = _refund_of(found)
        if refund is None:
            money = Money(found.amount, found.currency)
            detail = f"the provider gave {money} back for {found.intent_id}, and we did not ask for it"
            findings.report("unknown_refund", found.id, detail, payment_id=_payment_id_of(found))
            return
        refund.reconciled_at = clock.now()
        _judge_amount(refund.id, refund.money, Money(found.amount, found.currency), refund.payment_id)
        refund_id, has_news = refund.id, _judge_refund(refund, found)
    if has_news:
        settlement.settle_refund(refund_id)


def _judge_refund(refund: Refund, found: ProviderRefund) -> bool:
    """Whether the provider tells what we did not know yet; what contradicts what we know is a finding."""
    outcome = compared_refund(refund.state, found.status)
    if outcome is not Outcome.DIFFERS:
        findings.mended("state_differs", refund.id)
        findings.mended("missing_at_provider", refund.id)
    else:
        detail = f"{refund.state} here, {found.status} there"
        findings.report("state_differs", refund.id, detail, payment_id=refund.payment_id)
    return outcome is Outcome.HAS_NEWS


def _refund_of(found: ProviderRefund) -> Refund | None:
    by_id = session().scalar(select(Refund).where(Refund.provider_refund_id == found.id))
    return by_id or (session().get(Refund, found.refund_id) if found.refund_id else None)


def _payment_id_of(found: ProviderRefund) -> str | None:
    return session().scalar(select(Payment.id).where(Payment.provider_intent_id == found.intent_id))


def _ask_for_unseen_payments(window: Window) -> None:
    unseen = select(Payment.id, Payment.provider_intent_id).where(
        Payment.created_at >= window[0],
        Payment.created_at < window[1],
        Payment.provider_intent_id.is_not(None),
        Payment.reconciled_at.is_(None),
    )
    for payment_id, intent_id in _in_pages(unseen, Payment.id):
        assert intent_id is not None, payment_id
        with _reported_when_it_fails(payment_id), _reported_when_unknown(payment_id, payment_id):
            compare_intent(card_provider.read(intent_id))


def _ask_for_unseen_refunds(window: Window) -> None:
    unseen = select(Refund.id, Refund.payment_id, Refund.provider_refund_id).where(
        Refund.made_at >= window[0],
        Refund.made_at < window[1],
        Refund.provider_refund_id.is_not(None),
        Refund.reconciled_at.is_(None),
    )
    for refund_id, payment_id, theirs in _in_pages(unseen, Refund.id):
        assert theirs is not None, refund_id
        with _reported_when_it_fails(refund_id), _reported_when_unknown(refund_id, payment_id):
            compare_refund(card_provider.read_refund(theirs))


def _in_pages(rows: Select[*tuple[Any, ...]], key: InstrumentedAttribute[str]) -> Iterator[Any]:
    """All rows by their key, which stands first in each; no transaction is open while one is looked at."""
    last = ""
    while True:
        with unit_of_work(reads_only=True) as db:
            page = db.execute(rows.where(key > last).order_by(key).limit(MOST_IN_A_PAGE)).all()
        yield from page
        if len(page) < MOST_IN_A_PAGE:
            return
        last = page[-1][0]


@contextmanager
def _reported_when_it_fails(subject: str) -> Iterator[None]:
    """One that cannot be compared; while the provider or the database is unavailable, nothing can."""
    try:
        yield
    except ProviderUnavailable:
        raise
    except Exception as error:
        if is_disconnect(error):
            raise
        jobs.report_failure(JOB, subject, error)


@contextmanager
def _reported_when_unknown(subject: str, payment_id: str) -> Iterator[None]:
    try:
        yield
    except stripe.InvalidRequestError:
        with unit_of_work():
            detail = "the provider does not know it"
            findings.report("missing_at_provider", subject, detail, payment_id=payment_id)


KINDS = (
    _Kind("payments", card_provider.list_intents, compare_intent, _ask_for_unseen_payments),
    _Kind("refunds", card_provider.list_refunds, compare_refund, _ask_for_unseen_refunds),
)
