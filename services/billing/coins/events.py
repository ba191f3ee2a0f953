"""The events of coins: accounts are opened at registration, and every record is published."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.events import Event
from services.billing.coins import accounts
from services.billing.coins.tables import CoinRecord
from services.billing.registry import registry


@registry.handles("auth.user.registered.v1")
def open_coin_accounts(event: Event) -> None:
    accounts.open_accounts(event.data["user_id"])


def publish_recorded(record: CoinRecord) -> None:
    data = {
        "record_id": record.id,
        "person_id": record.person_id,
        "reason": record.reason,
        "coins": record.coins,
        "order_id": record.order_id,
        "at": clock.rfc3339(record.created_at),
    }
    registry.publish("billing.coins.recorded.v1", subject=record.id, data=data)
