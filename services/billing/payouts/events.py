"""The events of payouts."""

from __future__ import annotations

from libs.chassis.db import session
from services.billing.payouts.tables import Payout
from services.billing.registry import registry


def publish_due(payout: Payout) -> None:
    _publish("billing.payout.due.v1", payout)


def publish_voided(payout: Payout) -> None:
    _publish("billing.payout.voided.v1", payout)


def _publish(event_type: str, payout: Payout) -> None:
    session().flush()  # so that the version is that of the stored row
    data = {
        "payout_id": payout.id,
        "person_id": payout.person_id,
        "order_id": payout.order_id,
        "product_id": payout.product_id,
        "amount": payout.money.to_dict(),
    }
    registry.publish(event_type, subject=payout.id, data=data, version=payout.version)
