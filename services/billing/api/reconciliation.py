"""Where we and the payment provider do not agree."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from services.billing.models import ReconciliationFinding
from services.billing.schemas import ReconciliationFindingSchema


def list_reconciliation_findings(
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
