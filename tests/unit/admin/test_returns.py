"""What can be agreed with a buyer on the refund of bad clothes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from libs.chassis.money import Money
from libs.chassis.problems import Problem
from services.admin.returns.rules import ContactInFuture, RefundTooHigh, validate_contact
from services.admin.returns.tables import ReturnContact

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def build_contact(refund: Money, contacted_at: datetime = NOON) -> ReturnContact:
    return ReturnContact(
        contacted_at=contacted_at, recorded_at=NOON, refund_amount=refund.amount, currency=refund.currency
    )


@pytest.mark.parametrize("amount", [0, 1000])
def test_a_refund_up_to_the_price_is_accepted(amount: int) -> None:
    validate_contact(build_contact(Money(amount, "EUR")), Money(1000, "EUR"))


@pytest.mark.parametrize(
    ("contact", "problem", "pointer"),
    [
        (build_contact(Money(1001, "EUR")), RefundTooHigh, "/refund/amount"),
        (build_contact(Money(10, "USD")), RefundTooHigh, "/refund/currency"),
        (build_contact(Money(0, "EUR"), NOON + timedelta(seconds=1)), ContactInFuture, "/contacted_at"),
    ],
)
def test_a_higher_refund_another_currency_or_a_future_contact_is_rejected(
    contact: ReturnContact, problem: type[Problem], pointer: str
) -> None:
    with pytest.raises(problem) as caught:
        validate_contact(contact, Money(1000, "EUR"))
    assert [error["pointer"] for error in caught.value.errors or ()] == [pointer]
