"""What billing publishes, the events it handles, and its periodic job."""

from __future__ import annotations

from libs.chassis.events import Event
from services.billing import payments, settlement
from services.billing.registry import registry

__all__ = ["registry"]

registry.publishes(
    "billing.payment.authorized.v1",
    "billing.payment.captured.v1",
    "billing.payment.voided.v1",
    "billing.audit.recorded.v1",
)


@registry.handles("shopping.hold.sold.v1")
def capture_payment(event: Event) -> None:
    payments.capture_for(event.data["order_id"])


@registry.handles("shopping.hold.released.v1")
def give_payment_back(event: Event) -> None:
    payments.give_back_for(event.data["order_id"])


@registry.every(seconds=0.5)
def settle_payments() -> None:
    settlement.settle_due()
