"""When the provider is called again, and when a payment counts as abandoned."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.billing.payments.rules import AWAITING_BANK
from services.billing.payments.tables import Payment

MIN_DELAY, MAX_DELAY = timedelta(seconds=30), timedelta(hours=1)
ABANDONED_AFTER = timedelta(hours=1)


def schedule_retry(since: datetime, now: datetime) -> datetime:
    """When to try again what has been tried since `since`: after a quarter of that time, within bounds."""
    return now + min(max((now - since) / 4, MIN_DELAY), MAX_DELAY)


def is_abandoned(payment: Payment, now: datetime) -> bool:
    """Whether the payment of a fee has long waited for the bank's check; that of an order ends with the order."""
    is_awaiting_bank = payment.fee_id is not None and payment.state in AWAITING_BANK
    return is_awaiting_bank and payment.created_at < now - ABANDONED_AFTER
