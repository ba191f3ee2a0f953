"""Own coins, and a manager's gifts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis import audit
from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.billing import coins
from services.billing.models import CoinRecord
from services.billing.schemas import CoinRecordSchema


def get_coin_balance() -> dict[str, int]:
    balance, debt = coins.balance_of(principal().subject)
    return {"balance": balance, "debt": debt}


def list_coin_records(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        select(CoinRecord).where(CoinRecord.person_id == principal().subject),
        order_by=[(CoinRecord.created_at, "desc"), (CoinRecord.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=CoinRecordSchema().dump,
    )


def assign_coins(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    record = coins.assign(
        body["person_id"],
        body["coins"],
        record_id=stable_id("crc"),
        note=body["note"],
        given_by=principal().subject,
    )
    audit.record("assign_coins", record.id, after=body)
    return CoinRecordSchema().dump(record), 201
