"""When the provider is called again, and how its states are compared with ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.payments.rules import IN_PROGRESS, LIFECYCLE
from services.billing.payments.tables import Payment
from services.billing.reconciliation.rules import (
    AGREEING_STATES,
    MIN_AGE,
    Comparison,
    calculate_window_end,
    compare_refund_states,
)
from services.billing.settlement.rules import MAX_DELAY, MIN_DELAY, is_abandoned, schedule_retry

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("waited", "delay"),
    [
        (timedelta(0), MIN_DELAY),
        (timedelta(minutes=10), timedelta(minutes=2, seconds=30)),
        (timedelta(days=9), MAX_DELAY),
    ],
)
def test_the_delay_of_retries_grows_within_bounds(waited: timedelta, delay: timedelta) -> None:
    assert schedule_retry(NOW - waited, NOW) == NOW + delay


@pytest.mark.parametrize(
    ("fee_id", "state", "age", "expected"),
    [
        ("fee_1", "requires_action", timedelta(hours=1, seconds=1), True),
        ("fee_1", "created", timedelta(hours=1, seconds=1), True),
        ("fee_1", "requires_action", timedelta(hours=1), False),
        ("fee_1", "authorized", timedelta(hours=9), False),
        (None, "requires_action", timedelta(hours=9), False),
    ],
)
def test_the_payment_of_a_fee_is_abandoned_after_an_hour_at_the_banks_check(
    fee_id: str | None, state: str, age: timedelta, expected: bool
) -> None:
    payment = Payment(fee_id=fee_id, state=state, created_at=NOW - age)
    assert is_abandoned(payment, NOW) is expected


@pytest.mark.parametrize(
    ("ours", "provider_status", "comparison"),
    [
        ("pending", "pending", Comparison.PROVIDER_IS_AHEAD),
        ("pending", "succeeded", Comparison.PROVIDER_IS_AHEAD),
        ("completed", "succeeded", Comparison.AGREES),
        ("completed", "failed", Comparison.PROVIDER_IS_AHEAD),
        ("completed", "pending", Comparison.DIFFERS),
        ("failed", "canceled", Comparison.AGREES),
        ("failed", "succeeded", Comparison.DIFFERS),
    ],
)
def test_a_refund_is_compared_with_the_providers(ours: str, provider_status: str, comparison: Comparison) -> None:
    assert compare_refund_states(ours, provider_status) is comparison


def test_each_state_of_a_payment_has_its_agreeing_provider_states() -> None:
    assert AGREEING_STATES.keys() == LIFECYCLE.states
    captured = {state for state, agreeing in AGREEING_STATES.items() if "succeeded" in agreeing}
    assert captured == {"captured", "refunding", "refunded"}
    assert all(not AGREEING_STATES[state] for state in IN_PROGRESS), "they are about to change"


@given(st.timedeltas(timedelta(0), timedelta(days=3)))
def test_a_window_excludes_the_youngest_objects_and_never_goes_back(age: timedelta) -> None:
    since = NOW - age
    until = calculate_window_end(since, NOW)
    assert since <= until <= max(since, NOW - MIN_AGE)
    assert until == since or until.microsecond == 0
