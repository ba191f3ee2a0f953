"""Payment discrepancies: payments, refunds and orders that are wrong in a way that staff have to look into.

Not to be confused with `libs.chassis.discrepancies`, which are states that another domain contradicts.
"""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import Counter
from sqlalchemy import select

from libs.chassis import clock, logs
from libs.chassis.db import locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound
from services.billing.reconciliation.rules import LIFECYCLE
from services.billing.reconciliation.tables import PaymentDiscrepancy

REPORTED = Counter("reclothes_payment_discrepancies_total", "Reported payment discrepancies", ["kind"])


class DiscrepancyNotOpen(Conflict):
    slug, title = "discrepancy-not-open", "The discrepancy is no longer open"


def report(kind: str, subject: str, detail: str, *, payment_id: str | None = None) -> None:
    """Record a discrepancy of a subject (a payment, a refund, an order, or an object of the provider).

    A closed one is reopened only when its detail has changed; an open one gets the new detail.
    """
    discrepancy, detail = _lock(kind, subject), detail[:300]
    if discrepancy is None:
        discrepancy = PaymentDiscrepancy(
            id=new_id("pdc"), unique_key=_key(kind, subject), kind=kind, state=LIFECYCLE.initial, subject=subject
        )
        session().add(discrepancy)
    elif discrepancy.state == "open":
        discrepancy.detail = detail
        return
    elif discrepancy.state == "closed" and discrepancy.detail == detail:
        return
    else:
        discrepancy.state = LIFECYCLE.apply(discrepancy.state, "open")
    discrepancy.found_at = clock.now()
    discrepancy.resolved_at = discrepancy.closed_at = discrepancy.closed_by = discrepancy.note = None
    discrepancy.payment_id, discrepancy.detail = payment_id, detail
    session().flush()
    REPORTED.labels(kind).inc()
    logs.get_logger(__name__).error("payment discrepancy", kind=kind, subject=subject, detail=detail)


def resolve(kind: str, subject: str) -> None:
    """Mark a discrepancy, open or closed, as resolved: its cause is gone."""
    discrepancy = _lock(kind, subject)
    if discrepancy is not None and LIFECYCLE.allows(discrepancy.state, "resolved"):
        discrepancy.state, discrepancy.resolved_at = LIFECYCLE.apply(discrepancy.state, "resolved"), clock.now()
        logs.get_logger(__name__).info("payment discrepancy resolved", kind=kind, subject=subject)


def close(discrepancy_id: str, note: str, closed_by: str) -> PaymentDiscrepancy:
    """Close an open discrepancy with a manager's note on what was done; NotFound, DiscrepancyNotOpen."""
    discrepancy = locked_scalar(select(PaymentDiscrepancy).where(PaymentDiscrepancy.id == discrepancy_id))
    if discrepancy is None:
        raise NotFound("there is no such discrepancy")
    if not LIFECYCLE.allows(discrepancy.state, "closed"):
        raise DiscrepancyNotOpen(f"it is {discrepancy.state} already")
    discrepancy.state, discrepancy.closed_at = LIFECYCLE.apply(discrepancy.state, "closed"), clock.now()
    discrepancy.closed_by, discrepancy.note = closed_by, note
    session().flush()
    return discrepancy


def is_resolved(kind: str, subject: str) -> bool:
    """Whether the discrepancy was reported once and has been resolved."""
    discrepancy = _lock(kind, subject)
    return discrepancy is not None and discrepancy.state == "resolved"


def has_unresolved(kinds: Collection[str], payment_id: str) -> bool:
    """Whether a payment has a discrepancy of one of these kinds that is open or closed."""
    unresolved = select(PaymentDiscrepancy.id).where(
        PaymentDiscrepancy.state != "resolved",
        PaymentDiscrepancy.kind.in_(kinds),
        PaymentDiscrepancy.payment_id == payment_id,
    )
    return session().scalar(unresolved.limit(1)) is not None


def _lock(kind: str, subject: str) -> PaymentDiscrepancy | None:
    return locked_scalar(select(PaymentDiscrepancy).where(PaymentDiscrepancy.unique_key == _key(kind, subject)))


def _key(kind: str, subject: str) -> str:
    return f"{kind}:{subject}"
