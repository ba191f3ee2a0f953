"""A customer's own coins, and coins that a manager gives."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.billing.coins import accounts, coin_ledger
from services.billing.coins.schemas import CoinRecordSchema
from services.billing.coins.tables import CoinRecord
from services.billing.pages import list_newest_first


def get_coin_balance() -> dict[str, int]:
    balance, debt = accounts.get_balance(principal().subject)
    return {"balance": balance, "debt": debt}


def list_coin_records(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    own = {CoinRecord.person_id: principal().subject}
    return list_newest_first(CoinRecord.created_at, own, CoinRecordSchema(), limit, cursor)


def assign_coins(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    record = coin_ledger.assign(
        body["person_id"],
        body["coins"],
        record_id=stable_id("crc"),
        note=body["note"],
        assigned_by=principal().subject,
    )
    audit.record("assign_coins", record.id, after=body)
    return CoinRecordSchema().dump(record), 201
