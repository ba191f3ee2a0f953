"""What does not agree between our rows and the provider's, for staff to look into."""

from __future__ import annotations

from prometheus_client import Counter
from sqlalchemy import select

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.billing.models import ReconciliationFinding

FOUND = Counter("reclothes_reconciliation_findings_total", "Disagreements with the payment provider", ["kind"])


def report(kind: str, subject: str, detail: str, *, payment_id: str | None = None) -> None:
    """Note something that is wrong with a subject (a payment, a refund, or an id of the provider), once."""
    found = _of(kind, subject)
    if found is None:
        found = ReconciliationFinding(id=new_id("rcf"), unique_key=_key(kind, subject), kind=kind, subject=subject)
        session().add(found)
    elif found.state == "open":
        return
    found.state, found.found_at, found.mended_at = "open", clock.now(), None
    found.payment_id, found.detail = payment_id, detail[:300]
    session().flush()
    FOUND.labels(kind).inc()
    logs.get_logger(__name__).error("not as the provider has it", kind=kind, subject=subject, detail=detail)


def mended(kind: str, subject: str) -> None:
    """The subject agrees now."""
    found = _of(kind, subject)
    if found is not None and found.state == "open":
        found.state, found.mended_at = "mended", clock.now()
        logs.get_logger(__name__).info("mended", kind=kind, subject=subject)


def was_mended(kind: str, subject: str) -> bool:
    """Whether this was found and agreed afterwards."""
    found = _of(kind, subject)
    return found is not None and found.state == "mended"


def is_open_for(kind: str, payment_id: str) -> bool:
    """Whether a payment has a finding of this kind that is not mended."""
    mine = select(ReconciliationFinding.id).where(
        ReconciliationFinding.state == "open",
        ReconciliationFinding.kind == kind,
        ReconciliationFinding.payment_id == payment_id,
    )
    return session().scalar(mine.limit(1)) is not None


def _of(kind: str, subject: str) -> ReconciliationFinding | None:
    key = _key(kind, subject)
    return session().scalar(select(ReconciliationFinding).where(ReconciliationFinding.unique_key == key))


def _key(kind: str, subject: str) -> str:
    return f"{kind}:{subject}"
