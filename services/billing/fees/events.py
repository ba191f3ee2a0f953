"""The events of fees."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from services.billing.fees.tables import Fee
from services.billing.registry import registry


def publish_due(fee: Fee) -> None:
    _publish("billing.fee.due.v1", fee)


def publish_paid(fee: Fee) -> None:
    _publish("billing.fee.paid.v1", fee, paid_at=clock.rfc3339(fee.paid_at))


def _publish(event_type: str, fee: Fee, **details: object) -> None:
    session().flush()  # so that the version is that of the stored row
    data = {
        "fee_id": fee.id,
        "kind": fee.kind,
        "order_id": fee.order_id,
        "payer_id": fee.payer_id,
        "amount": fee.money.to_dict(),
    }
    registry.publish(event_type, subject=fee.id, data=data | details, version=fee.version)
