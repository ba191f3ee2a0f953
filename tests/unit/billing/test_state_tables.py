"""The states of payments, refunds, fees, coupons and payouts: each move of the table, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from libs.chassis.problems import Conflict
from services.billing import coupons, fees, payment_states, payouts, refunds
from services.billing.models import Coupon, Fee, Payment, Payout, Refund

# The lifecycle of each kind as its users see it, written down apart from the code.
PAYMENT = {
    "created": {"requires_action", "authorized", "failed", "voiding", "voided"},
    "requires_action": {"authorized", "failed", "voiding", "voided"},
    "authorized": {"capturing", "voiding", "voided"},
    "capturing": {"captured", "voided"},
    "voiding": {"voided", "captured"},
    "captured": {"refunding"},
    "refunding": {"refunded", "captured"},
    # What has ended can be taken all the same when the bank's message comes late, and goes back then.
    "voided": {"captured"},
    "failed": {"captured"},
    "refunded": {"captured"},
}
REFUND = {"pending": {"made", "failed"}, "made": {"failed"}, "failed": set[str]()}
FEE = {
    "due": {"paid", "void"},
    "paid": {"refunding"},
    "void": {"refunding"},
    "refunding": {"refunded"},
    "refunded": set[str](),
}
COUPON = {"given": {"used", "expired", "void"}, "used": set[str](), "expired": set[str](), "void": set[str]()}
PAYOUT = {"prepared": {"due", "void"}, "due": {"paid"}, "paid": set[str](), "void": set[str]()}

MACHINES: list[tuple[Any, Callable[[Any, str], None], dict[str, set[str]]]] = [
    (Payment, payment_states.move, PAYMENT),
    (Refund, refunds.move, REFUND),
    (Fee, fees.move, FEE),
    (Coupon, coupons.move, COUPON),
    (Payout, payouts.move, PAYOUT),
]
PAIRS = [
    pytest.param(kind, move, old, new, new in table[old], id=f"{kind.__name__}-{old}-{new}")
    for kind, move, table in MACHINES
    for old in table
    for new in table
]


@pytest.mark.parametrize(("kind", "move", "old", "new", "is_legal"), PAIRS)
def test_a_move_is_made_if_its_table_has_it_and_leaves_no_trace_otherwise(
    kind: Any, move: Callable[[Any, str], None], old: str, new: str, is_legal: bool
) -> None:
    row = kind(state=old)
    if is_legal:
        move(row, new)
        assert row.state == new
    else:
        with pytest.raises(Conflict):
            move(row, new)
        assert row.state == old


@pytest.mark.parametrize("ended", sorted(payment_states.ENDED))
def test_an_order_whose_payment_has_ended_can_be_paid_again(ended: str) -> None:
    old = "refunding" if ended == "refunded" else "created"
    payment = Payment(state=old, live_order_id="bor_1", method="card")
    payment_states.move(payment, ended)
    assert payment.live_order_id is None


@pytest.mark.parametrize(
    ("old", "new", "method", "is_due"),
    [
        ("authorized", "capturing", "card", True),
        ("authorized", "voiding", "card", True),
        ("created", "failed", "card", True),  # the intent is still at the provider
        ("authorized", "capturing", "coins", False),
        ("created", "requires_action", "card", True),
        ("capturing", "captured", "card", False),
    ],
)
def test_what_the_provider_has_to_do_is_due_when_it_is_decided(
    old: str, new: str, method: str, is_due: bool
) -> None:
    payment = Payment(state=old, method=method, provider_intent_id="pi_1" if method == "card" else None)
    payment_states.move(payment, new)
    assert (payment.settle_at is not None) is is_due


def test_a_payment_without_an_intent_has_nothing_to_settle() -> None:
    payment = Payment(state="created", method="card", provider_intent_id=None)
    payment_states.move(payment, "failed")
    assert payment.settle_at is None
