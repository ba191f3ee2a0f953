"""Listing payment discrepancies, and closing one manually."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from libs.chassis.security import principal
from services.billing.pages import list_newest_first
from services.billing.reconciliation import payment_discrepancies
from services.billing.reconciliation.schemas import PaymentDiscrepancySchema
from services.billing.reconciliation.tables import PaymentDiscrepancy


def list_payment_discrepancies(
    state: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    filters = {PaymentDiscrepancy.state: state}
    return list_newest_first(PaymentDiscrepancy.found_at, filters, PaymentDiscrepancySchema(), limit, cursor)


def close_payment_discrepancy(discrepancy_id: str, body: dict[str, Any]) -> dict[str, Any]:
    closed = payment_discrepancies.close(discrepancy_id, body["note"], principal().subject)
    after = {"state": closed.state, "note": closed.note}
    audit.record("close_payment_discrepancy", closed.id, before={"state": "open"}, after=after)
    return dict(PaymentDiscrepancySchema().dump(closed))
