"""What auth publishes, the events and messages it handles, and its periodic jobs."""

from __future__ import annotations

from typing import Any

from libs.chassis.events import Event
from libs.chassis.money import Money
from services.auth import housekeeping, messages, notifications, password_changes, revocations
from services.auth.registry import registry
from services.auth.settings import auth_settings

__all__ = ["registry"]

registry.publishes("auth.user.registered.v1", "auth.staff.changed.v1", "auth.audit.recorded.v1")


@registry.handles("customer.buying_order.paid.v1")
def send_receipt(event: Event) -> None:
    """The receipt with the link to cancel or return (story b-bu-05)."""
    data = event.data
    notifications.tell(
        data["buyer_id"],
        "receipt",
        f"receipt-{data['order_id']}",
        order_id=data["order_id"],
        items=[{"title": item["title"], "price": str(Money.from_dict(item["price"]))} for item in data["items"]],
        total=str(Money.from_dict(data["total"])),
        location=data["pickup_location_name"],
        link=f"{auth_settings().external_base_url}/orders/{data['order_id']}",
    )


@registry.handles("customer.buying_order.expired.v1")
def tell_of_expiry(event: Event) -> None:
    order_id = event.data["order_id"]
    notifications.tell(event.data["buyer_id"], "order-expired", f"expired-{order_id}", order_id=order_id)


@registry.handles("billing.payment.voided.v1")
def tell_of_voided_payment(event: Event) -> None:
    data = event.data
    dedupe_id = f"voided-{data['payment_id']}"
    notifications.tell(data["buyer_id"], "payment-voided", dedupe_id, order_id=data["order_id"])


@registry.every(seconds=0.5)
def give_messages_to_sns() -> None:
    messages.give_to_sns()


@registry.every(seconds=0.5)
def send_password_links() -> None:
    password_changes.send_links()


@registry.every(seconds=1)
def tell_session_cache() -> None:
    revocations.apply_waiting()


@registry.consumes("mail")
def deliver_mail(message: dict[str, Any]) -> None:
    messages.deliver(message["dedupe_id"])


@registry.every(seconds=600)
def forget_what_is_over() -> None:
    housekeeping.forget_what_is_over()
