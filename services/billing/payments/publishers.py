"""The events of payments of buying orders; fees have events of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.event_types import PaymentAuthorized, PaymentCaptured, PaymentVoided
from services.billing.payments.rules import VOID_REASONS
from services.billing.payments.tables import Payment
from services.billing.registry import registry


def publish_authorized(payment: Payment) -> None:
    """Publish that the money or the coins of an order are set aside."""
    data = PaymentAuthorized(
        payment_id=payment.id,
        order_id=payment.order_id,
        buyer_id=payment.buyer_id,
        amount=payment.money.to_dict(),
    )
    _publish("billing.payment.authorized.v1", payment, data)


def publish_captured(payment: Payment) -> None:
    """Publish that an order is paid."""
    assert payment.captured_at is not None, payment.id
    data = PaymentCaptured(
        payment_id=payment.id,
        order_id=payment.order_id,
        buyer_id=payment.buyer_id,
        amount=payment.money.to_dict(),
        captured_at=clock.rfc3339(payment.captured_at),
        method=payment.method,
        coins=payment.coins,
    )
    _publish("billing.payment.captured.v1", payment, data)


def publish_voided(payment: Payment, reason_code: str) -> None:
    """Publish that nothing is captured, and why."""
    data = PaymentVoided(
        payment_id=payment.id,
        order_id=payment.order_id,
        buyer_id=payment.buyer_id,
        method=payment.method,
        reason_code=reason_code,
        reason=VOID_REASONS[reason_code],
    )
    _publish("billing.payment.voided.v1", payment, data)


def _publish(event_type: str, payment: Payment, data: Mapping[str, Any]) -> None:
    session().flush()  # so that the version is that of the stored row
    registry.publish(event_type, subject=payment.id, data=data, version=payment.version)
