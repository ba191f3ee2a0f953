"""The events of payouts."""

from __future__ import annotations

from libs.chassis.db import session
from libs.chassis.event_types import PayoutDue, PayoutVoided
from services.billing.payouts.tables import Payout
from services.billing.registry import registry


def publish_due(payout: Payout) -> None:
    _publish("billing.payout.due.v1", payout, PayoutDue)


def publish_voided(payout: Payout) -> None:
    _publish("billing.payout.voided.v1", payout, PayoutVoided)


def _publish(event_type: str, payout: Payout, data_type: type[PayoutDue | PayoutVoided]) -> None:
    session().flush()  # so that the version is that of the stored row
    data = data_type(
        payout_id=payout.id,
        person_id=payout.person_id,
        order_id=payout.order_id,
        product_id=payout.product_id,
        amount=payout.money.to_dict(),
    )
    registry.publish(event_type, subject=payout.id, data=data, version=payout.version)
