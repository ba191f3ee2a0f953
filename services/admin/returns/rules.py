"""What can be agreed with a buyer on the refund of bad clothes."""

from __future__ import annotations

from libs.chassis.money import Money
from libs.chassis.problems import Unprocessable
from services.admin.returns.tables import ReturnContact


class RefundTooHigh(Unprocessable):
    slug, title = "refund-too-high", "The refund is more than was paid"


class ContactInFuture(Unprocessable):
    slug, title = "contact-in-future", "The contact has not taken place yet"


def validate_contact(contact: ReturnContact, price: Money) -> None:
    """ContactInFuture, RefundTooHigh; `price` is what was paid for the bad products."""
    if contact.contacted_at > contact.recorded_at:
        detail = "record a contact that has taken place"
        raise ContactInFuture(detail, errors=[{"pointer": "/contacted_at", "detail": detail}])
    if contact.refund.currency != price.currency:
        detail = f"it was paid in {price.currency}"
        raise RefundTooHigh(detail, errors=[{"pointer": "/refund/currency", "detail": detail}])
    if contact.refund.amount > price.amount:
        detail = f"{price} was paid for what is bad"
        raise RefundTooHigh(detail, errors=[{"pointer": "/refund/amount", "detail": detail}])
