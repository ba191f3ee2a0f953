"""Handles the payment of an order."""

from __future__ import annotations

from libs.chassis.event_types import PaymentAuthorized
from libs.chassis.events import Event
from services.shopping.holds.settlement import settle_authorized_payment
from services.shopping.registry import registry


@registry.handles("billing.payment.authorized.v1")
def settle_hold(event: Event[PaymentAuthorized]) -> None:
    settle_authorized_payment(event.data["order_id"], event.data["buyer_id"])
