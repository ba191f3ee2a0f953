"""Own payouts, and what staff do with all of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis import audit
from libs.chassis.security import principal
from services.billing import payouts
from services.billing.models import Payout
from services.billing.pages import page_of
from services.billing.schemas import MonitoredPayoutSchema, PayoutSchema


def list_payouts(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    own = select(Payout).where(Payout.person_id == principal().subject)
    return page_of(own, Payout, {}, PayoutSchema(), limit, cursor)


def list_all_payouts(
    person_id: str | None = None, state: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    wanted = {Payout.person_id: person_id, Payout.state: state}
    return page_of(select(Payout), Payout, wanted, MonitoredPayoutSchema(), limit, cursor)


def record_payout_payment(payout_id: str, body: dict[str, Any]) -> dict[str, Any]:
    payout = payouts.mark_paid(payout_id, body["reference"])
    audit.record("record_payout_payment", payout.id, before={"state": "due"}, after={"state": "paid"} | body)
    paid: dict[str, Any] = MonitoredPayoutSchema().dump(payout)
    return paid
