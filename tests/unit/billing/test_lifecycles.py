"""The lifecycles of payments, refunds, fees, coupons and payouts: which transitions are allowed."""

from __future__ import annotations

from typing import Any

import pytest

from libs.chassis.state_machine import IllegalTransition
from services.billing.coupons.tables import Coupon
from services.billing.fees.tables import Fee
from services.billing.payments.rules import ENDED
from services.billing.payments.tables import Payment
from services.billing.payouts.tables import Payout
from services.billing.refunds.tables import Refund

# Written down apart from the code.
PAYMENT = {
    "created": {"requires_action", "authorized", "failed", "voiding", "voided"},
    "requires_action": {"authorized", "failed", "voiding", "voided"},
    "authorized": {"capturing", "voiding", "voided"},
    "capturing": {"captured", "voided"},
    "voiding": {"voided", "captured"},
    "captured": {"refunding"},
    "refunding": {"refunded", "captured"},
    # The provider may report a capture after the payment has ended; it is refunded then.
    "voided": {"captured"},
    "failed": {"captured"},
    "refunded": {"captured"},
}
REFUND = {"pending": {"completed", "failed"}, "completed": {"failed"}, "failed": set[str]()}
FEE = {
    "due": {"paid", "void"},
    "paid": {"refunding"},
    "void": {"refunding"},
    "refunding": {"refunded"},
    "refunded": set[str](),
}
COUPON = {"issued": {"used", "expired", "void"}, "used": set[str](), "expired": set[str](), "void": set[str]()}
PAYOUT = {"prepared": {"due", "void"}, "due": {"paid"}, "paid": set[str](), "void": set[str]()}

LIFECYCLES: list[tuple[Any, dict[str, set[str]]]] = [
    (Payment, PAYMENT),
    (Refund, REFUND),
    (Fee, FEE),
    (Coupon, COUPON),
    (Payout, PAYOUT),
]
TRANSITIONS = [
    pytest.param(table, before, after, after in successors[before], id=f"{table.__name__}-{before}-{after}")
    for table, successors in LIFECYCLES
    for before in successors
    for after in sorted({state for following in successors.values() for state in following})
]


@pytest.mark.parametrize(("table", "before", "after", "is_allowed"), TRANSITIONS)
def test_only_transitions_of_the_lifecycle_change_the_state(
    table: Any, before: str, after: str, is_allowed: bool
) -> None:
    row = table(state=before)
    if is_allowed:
        row.change_state(after)
        assert row.state == after
    else:
        with pytest.raises(IllegalTransition):
            row.change_state(after)
        assert row.state == before


@pytest.mark.parametrize("ended", sorted(ENDED))
def test_an_order_can_be_paid_again_after_its_payment_has_ended(ended: str) -> None:
    before = "refunding" if ended == "refunded" else "created"
    payment = Payment(state=before, live_order_id="bor_1", method="card")
    payment.change_state(ended)
    assert payment.live_order_id is None


@pytest.mark.parametrize(
    ("before", "after", "method", "is_due"),
    [
        ("authorized", "capturing", "card", True),
        ("authorized", "voiding", "card", True),
        ("created", "failed", "card", True),  # the intent is to be cancelled
        ("authorized", "capturing", "coins", False),
        ("created", "requires_action", "card", True),
        ("capturing", "captured", "card", False),
    ],
)
def test_settlement_is_due_when_the_provider_has_something_to_do(
    before: str, after: str, method: str, is_due: bool
) -> None:
    payment = Payment(state=before, method=method, provider_intent_id="pi_1" if method == "card" else None)
    payment.change_state(after)
    assert (payment.settle_at is not None) is is_due


def test_a_payment_without_an_intent_is_not_settled() -> None:
    payment = Payment(state="created", method="card", provider_intent_id=None)
    payment.change_state("failed")
    assert payment.settle_at is None
