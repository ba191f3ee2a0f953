"""The events of payments of buying orders; fees have events of their own."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from services.billing.payments.rules import VOID_REASONS
from services.billing.payments.tables import Payment
from services.billing.registry import registry


def publish_authorized(payment: Payment) -> None:
    """Publish that the money or the coins of an order are set aside."""
    _publish("billing.payment.authorized.v1", payment, amount=payment.money.to_dict())


def publish_captured(payment: Payment) -> None:
    """Publish that an order is paid."""
    _publish(
        "billing.payment.captured.v1",
        payment,
        amount=payment.money.to_dict(),
        captured_at=clock.rfc3339(payment.captured_at),
        method=payment.method,
        coins=payment.coins,
    )


def publish_voided(payment: Payment, reason_code: str) -> None:
    """Publish that nothing is captured, and why."""
    _publish(
        "billing.payment.voided.v1",
        payment,
        method=payment.method,
        reason_code=reason_code,
        reason=VOID_REASONS[reason_code],
    )


def _publish(event_type: str, payment: Payment, **details: object) -> None:
    session().flush()  # so that the version is that of the stored row
    data = {"payment_id": payment.id, "order_id": payment.order_id, "buyer_id": payment.buyer_id}
    registry.publish(event_type, subject=payment.id, data=data | details, version=payment.version)
