"""What can be agreed with a buyer on the refund of bad clothes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from libs.chassis.money import Money
from libs.chassis.problems import Problem
from services.admin.returns.rules import Agreement, ContactInFuture, RefundTooHigh, validate_agreement

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def agreement(refund: Money, contacted_at: datetime = NOON) -> Agreement:
    return Agreement(contacted_at, "phone", None, refund)


@pytest.mark.parametrize("amount", [0, 1000])
def test_a_refund_up_to_the_price_is_accepted(amount: int) -> None:
    validate_agreement(agreement(Money(amount, "EUR")), Money(1000, "EUR"), NOON)


@pytest.mark.parametrize(
    ("wrong", "problem", "pointer"),
    [
        (agreement(Money(1001, "EUR")), RefundTooHigh, "/refund/amount"),
        (agreement(Money(10, "USD")), RefundTooHigh, "/refund/currency"),
        (agreement(Money(0, "EUR"), NOON + timedelta(seconds=1)), ContactInFuture, "/contacted_at"),
    ],
)
def test_a_higher_refund_another_currency_or_a_future_contact_is_rejected(
    wrong: Agreement, problem: type[Problem], pointer: str
) -> None:
    with pytest.raises(problem) as caught:
        validate_agreement(wrong, Money(1000, "EUR"), NOON)
    assert [error["pointer"] for error in caught.value.errors or ()] == [pointer]
