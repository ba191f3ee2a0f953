"""The events of fees."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.event_types import FeeDue, FeePaid
from services.billing.fees.tables import Fee
from services.billing.registry import registry


def publish_due(fee: Fee) -> None:
    session().flush()  # so that the version is that of the stored row
    registry.publish("billing.fee.due.v1", subject=fee.id, data=_describe(fee), version=fee.version)


def publish_paid(fee: Fee) -> None:
    session().flush()
    assert fee.paid_at is not None, fee.id
    data = FeePaid(**_describe(fee), paid_at=clock.rfc3339(fee.paid_at))
    registry.publish("billing.fee.paid.v1", subject=fee.id, data=data, version=fee.version)


def _describe(fee: Fee) -> FeeDue:
    return FeeDue(
        fee_id=fee.id, kind=fee.kind, order_id=fee.order_id, payer_id=fee.payer_id, amount=fee.money.to_dict()
    )
