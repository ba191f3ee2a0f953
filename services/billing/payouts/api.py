"""A donor's own payouts; listing payouts and recording their bank transfers as staff."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from libs.chassis.security import principal
from services.billing.pages import list_newest_first
from services.billing.payouts import donor_shares
from services.billing.payouts.schemas import MonitoredPayoutSchema, PayoutSchema
from services.billing.payouts.tables import Payout


def list_payouts(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    own = {Payout.person_id: principal().subject}
    return list_newest_first(Payout.created_at, own, PayoutSchema(), limit, cursor)


def list_all_payouts(
    person_id: str | None = None, state: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    filters = {Payout.person_id: person_id, Payout.state: state}
    return list_newest_first(Payout.created_at, filters, MonitoredPayoutSchema(), limit, cursor)


def record_payout_payment(payout_id: str, body: dict[str, Any]) -> dict[str, Any]:
    payout = donor_shares.mark_paid(payout_id, body["reference"])
    audit.record("record_payout_payment", payout.id, before={"state": "due"}, after={"state": "paid"} | body)
    return dict(MonitoredPayoutSchema().dump(payout))
