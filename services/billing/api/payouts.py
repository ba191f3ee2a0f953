"""Own payouts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.billing.models import Payout
from services.billing.schemas import PayoutSchema


def list_payouts(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        select(Payout).where(Payout.person_id == principal().subject),
        order_by=[(Payout.created_at, "desc"), (Payout.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=PayoutSchema().dump,
    )
