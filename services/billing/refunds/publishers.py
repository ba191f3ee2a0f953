"""The event of a completed refund."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import RefundCompleted
from services.billing.refunds.tables import Refund
from services.billing.registry import registry


def publish_completed(refund: Refund) -> None:
    """Publish that the buyer has the money or the coins of an order back."""
    assert refund.completed_at is not None, refund.id
    data = RefundCompleted(
        refund_id=refund.id,
        payment_id=refund.payment_id,
        order_id=refund.order_id,
        return_id=refund.return_id,
        replaces=refund.replaces,
        buyer_id=refund.buyer_id,
        amount=refund.money.to_dict(),
        method=refund.method,
        coins=refund.coins,
        completed_at=clock.rfc3339(refund.completed_at),
    )
    registry.publish("billing.refund.completed.v1", subject=refund.id, data=data, version=refund.version)
