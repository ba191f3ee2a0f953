"""What does not agree about money, with the provider or about an order, for staff to look into."""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import Counter
from sqlalchemy import select

from libs.chassis import clock, logs
from libs.chassis.db import locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound
from services.billing.models import ReconciliationFinding

FOUND = Counter("reclothes_reconciliation_findings_total", "What does not agree about money", ["kind"])


class FindingNotOpen(Conflict):
    slug, title = "discrepancy-not-open", "The finding is not open any more"


def report(kind: str, subject: str, detail: str, *, payment_id: str | None = None) -> None:
    """Note something that is wrong with a subject (a payment, a refund, an order, or an id of the provider), once.

    What a manager closed stays closed while the same is found again; an open one says what was found last.
    """
    found, detail = _of(kind, subject), detail[:300]
    if found is None:
        found = ReconciliationFinding(id=new_id("rcf"), unique_key=_key(kind, subject), kind=kind, subject=subject)
        session().add(found)
    elif found.state == "open":
        found.detail = detail
        return
    elif found.state == "closed" and found.detail == detail:
        return
    found.state, found.found_at = "open", clock.now()
    found.mended_at = found.closed_at = found.closed_by = found.note = None
    found.payment_id, found.detail = payment_id, detail
    session().flush()
    FOUND.labels(kind).inc()
    logs.get_logger(__name__).error("money does not agree", kind=kind, subject=subject, detail=detail)


def mended(kind: str, subject: str) -> None:
    """The subject agrees now, whatever was thought of it before."""
    found = _of(kind, subject)
    if found is not None and found.state != "mended":
        found.state, found.mended_at = "mended", clock.now()
        logs.get_logger(__name__).info("mended", kind=kind, subject=subject)


def close(finding_id: str, note: str, by: str) -> ReconciliationFinding:
    """A manager looked into it and says what was done; NotFound, FindingNotOpen."""
    found = locked_scalar(select(ReconciliationFinding).where(ReconciliationFinding.id == finding_id))
    if found is None:
        raise NotFound("there is no such finding")
    if found.state != "open":
        raise FindingNotOpen(f"it is {found.state} already")
    found.state, found.closed_at, found.closed_by, found.note = "closed", clock.now(), by, note
    session().flush()
    return found


def was_mended(kind: str, subject: str) -> bool:
    """Whether this was found and agreed afterwards."""
    found = _of(kind, subject)
    return found is not None and found.state == "mended"


def is_unmended_for(kinds: Collection[str], payment_id: str) -> bool:
    """Whether a payment has a finding of one of these kinds that is not mended, closed by a manager or not."""
    mine = select(ReconciliationFinding.id).where(
        ReconciliationFinding.state != "mended",
        ReconciliationFinding.kind.in_(kinds),
        ReconciliationFinding.payment_id == payment_id,
    )
    return session().scalar(mine.limit(1)) is not None


def _of(kind: str, subject: str) -> ReconciliationFinding | None:
    of_key = select(ReconciliationFinding).where(ReconciliationFinding.unique_key == _key(kind, subject))
    return locked_scalar(of_key)


def _key(kind: str, subject: str) -> str:
    return f"{kind}:{subject}"
