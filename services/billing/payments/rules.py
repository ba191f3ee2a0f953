"""The lifecycle of a payment, and what follows from its states."""

from __future__ import annotations

from datetime import datetime, timedelta

from libs.chassis.problems import BadRequest
from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine.from_states(
    name="payment",
    initial="created",
    successors={
        "created": ["requires_action", "authorized", "failed", "voiding", "voided"],
        "requires_action": ["authorized", "failed", "voiding", "voided"],
        "authorized": ["capturing", "voiding", "voided"],
        "capturing": ["captured", "voided"],
        "captured": ["refunding"],
        "refunding": ["refunded", "captured"],
        "refunded": ["captured"],  # the buyer's bank sent a refund back
        # The provider may report late that it captured the money all the same; it is refunded then.
        "voiding": ["voided", "captured"],
        "voided": ["captured"],
        "failed": ["captured"],
    },
)
AWAITING_BANK = frozenset({"created", "requires_action"})
RELEASABLE = AWAITING_BANK | {"authorized"}
IN_PROGRESS = frozenset({"capturing", "voiding"})
# Another payment of the same order may begin in these states.
ENDED = frozenset({"voided", "failed", "refunded"})
# The provider has nothing more to do in these states.
SETTLED = frozenset({"authorized", "captured", "refunding", "refunded", "voided"})

# Why a payment is voided, as `reason_code` and `reason` of its event.
ORDER_ENDED, SALE_NOT_PAID, CANCELLED_BY_PROVIDER = "order_ended", "sale_not_paid", "cancelled_by_provider"
VOID_REASONS = {
    ORDER_ENDED: "the order was cancelled or has expired",
    SALE_NOT_PAID: "the money of the sale could not be captured",
    CANCELLED_BY_PROVIDER: "cancelled by the provider",
}
# The failure code of a payment that was voided because its buyer began another one.
REPLACED = "replaced"

WEBHOOK_EXPECTED_WITHIN = timedelta(seconds=60)


def schedule_settlement(state: str, *, at_provider: bool, now: datetime) -> datetime | None:
    """When the provider is to be called about a payment that has just come into `state`; None for never."""
    if at_provider and state in ("capturing", "voiding", "failed"):
        return now
    return now + WEBHOOK_EXPECTED_WITHIN if state == "requires_action" else None


def choose_void_reason(state: str) -> str:
    """The reason code for a payment in `state` whose authorization the provider has cancelled."""
    return {"voiding": ORDER_ENDED, "capturing": SALE_NOT_PAID}.get(state, CANCELLED_BY_PROVIDER)


def validate_method(method: str, payment_method: str | None) -> None:
    """BadRequest unless the provider's id of a card is given for the method `card`, and only then."""
    if (method == "card") != (payment_method is not None):
        detail = "required for the method card, and not allowed for coins"
        raise BadRequest(f"payment_method is {detail}", errors=[{"pointer": "/payment_method", "detail": detail}])


def format_receipt_number(payment_id: str, created_at: datetime) -> str:
    """R-<year>-<payment id>: unique, and its payment can be found."""
    return f"R-{created_at.year}-{payment_id.removeprefix('pay_').upper()}"
