"""What does not agree about money, and closing it by hand."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis import audit
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.billing import findings
from services.billing.models import ReconciliationFinding
from services.billing.schemas import ReconciliationFindingSchema


def list_payment_discrepancies(
    state: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    chosen = select(ReconciliationFinding)
    return page(
        chosen if state is None else chosen.where(ReconciliationFinding.state == state),
        order_by=[(ReconciliationFinding.found_at, "desc"), (ReconciliationFinding.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=ReconciliationFindingSchema().dump,
    )


def close_payment_discrepancy(finding_id: str, body: dict[str, Any]) -> dict[str, Any]:
    closed = findings.close(finding_id, body["note"], principal().subject)
    after = {"state": closed.state, "note": closed.note}
    audit.record("close_payment_discrepancy", closed.id, before={"state": "open"}, after=after)
    return dict(ReconciliationFindingSchema().dump(closed))
