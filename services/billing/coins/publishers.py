"""The events of the coin ledger."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import CoinsRecorded
from services.billing.coins.tables import CoinRecord
from services.billing.registry import registry


def publish_recorded(record: CoinRecord) -> None:
    data = CoinsRecorded(
        record_id=record.id,
        person_id=record.person_id,
        reason=record.reason,
        coins=record.coins,
        order_id=record.order_id,
        at=clock.rfc3339(record.created_at),
    )
    registry.publish("billing.coins.recorded.v1", subject=record.id, data=data)
