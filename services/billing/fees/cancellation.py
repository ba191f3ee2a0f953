"""Cancelling a fee that is no longer needed."""

from __future__ import annotations

from services.billing.fees.charging import lock_fee_of_order
from services.billing.payments import lifecycle
from services.billing.payments.store import find_live_payment


def cancel_fee(order_id: str) -> None:
    """Void the fee of an order, or refund it if it is paid; idempotent."""
    fee = lock_fee_of_order(order_id)
    if fee is None:
        return
    if fee.state == "due":
        fee.change_state("void")
        lifecycle.release_live_payment(order_id)
    elif fee.state == "paid" and find_live_payment(order_id) is not None:
        lifecycle.cancel_live_payment(order_id)
    elif fee.state == "paid":  # a fee of 0 has no payment
        fee.change_state("refunding")
        fee.change_state("refunded")
