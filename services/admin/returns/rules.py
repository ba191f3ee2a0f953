"""What can be agreed with a buyer on the refund of bad clothes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from libs.chassis.money import Money
from libs.chassis.problems import Unprocessable


class RefundTooHigh(Unprocessable):
    slug, title = "refund-too-high", "The refund is more than was paid"


class ContactInFuture(Unprocessable):
    slug, title = "contact-in-future", "The contact has not taken place yet"


@dataclass(frozen=True)
class Agreement:
    """When and how the buyer was contacted, and what is refunded."""

    contacted_at: datetime
    channel: str
    note: str | None
    refund: Money


def validate_agreement(agreement: Agreement, price: Money, now: datetime) -> None:
    """ContactInFuture, RefundTooHigh; `price` is what was paid for the bad products."""
    if agreement.contacted_at > now:
        detail = "record a contact that has taken place"
        raise ContactInFuture(detail, errors=[{"pointer": "/contacted_at", "detail": detail}])
    if agreement.refund.currency != price.currency:
        detail = f"it was paid in {price.currency}"
        raise RefundTooHigh(detail, errors=[{"pointer": "/refund/currency", "detail": detail}])
    if agreement.refund.amount > price.amount:
        detail = f"{price} was paid for what is bad"
        raise RefundTooHigh(detail, errors=[{"pointer": "/refund/amount", "detail": detail}])
