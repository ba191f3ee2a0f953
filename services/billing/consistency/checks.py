"""Comparison with shopping: authorized payments that wait for a decision on their hold."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from libs.chassis.consistency import Check, add_checks, stuck_before
from libs.chassis.db import session
from libs.chassis.service_client import peer
from services.billing.payments.publishers import publish_authorized
from services.billing.payments.store import find_live_payment
from services.billing.payments.tables import Payment
from services.billing.purchases import events as purchase_events
from services.billing.registry import registry


def find_undecided_orders(after: str, limit: int) -> Sequence[str]:
    """Orders whose authorized payment waits for shopping to sell or release the products."""
    undecided = select(Payment.order_id).where(
        Payment.state == "authorized",
        Payment.changed_at < stuck_before(),
        Payment.fee_id.is_(None),
        Payment.order_id > after,
    )
    return session().scalars(undecided.order_by(Payment.order_id).limit(limit)).all()


def publish_authorized_again(order_id: str) -> None:
    """Let shopping decide: it has not received the authorization, or has lost the hold."""
    payment = find_live_payment(order_id)
    if payment is not None and payment.state == "authorized":
        publish_authorized(payment)


add_checks(
    registry,
    Check(
        name="authorised_payment_without_decision",
        peer=lambda: peer("shopping"),
        find=find_undecided_orders,
        handlers={
            "shopping.hold.sold.v1": purchase_events.capture_payment,
            "shopping.hold.released.v1": purchase_events.release_payment,
        },
        unknown=publish_authorized_again,
        resend=publish_authorized_again,
    ),
)
