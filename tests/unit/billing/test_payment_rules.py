"""When an order can be paid and a coupon redeemed, and what a declined card is explained with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from libs.chassis.problems import BadRequest
from services.billing.coupons.redemption import CouponNotUsable, mark_used
from services.billing.coupons.tables import Coupon
from services.billing.payments.payable import determine_order_state
from services.billing.payments.rules import validate_method
from services.billing.provider import declines

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("state", "after_validity", "is_usable"),
    [
        ("issued", -SECOND, True),
        ("issued", timedelta(0), False),
        ("used", -SECOND, False),
        ("void", -SECOND, False),
    ],
)
def test_a_coupon_is_redeemed_once_and_while_it_is_valid(
    state: str, after_validity: timedelta, is_usable: bool
) -> None:
    coupon = Coupon(state=state, valid_until=NOW)
    if is_usable:
        mark_used(coupon, "usr_1", NOW + after_validity)
        assert (coupon.state, coupon.used_by, coupon.used_at) == ("used", "usr_1", NOW + after_validity)
    else:
        with pytest.raises(CouponNotUsable):
            mark_used(coupon, "usr_1", NOW + after_validity)
        assert (coupon.state, coupon.used_by) == (state, None)


@pytest.mark.parametrize(
    ("state", "after_expiry", "expected"),
    [
        ("placed", -SECOND, "placed"),
        ("placed", timedelta(0), "expired"),
        ("paid", SECOND, "paid"),
        ("cancelled", -SECOND, "cancelled"),
    ],
)
def test_an_order_counts_as_expired_as_soon_as_its_time_is_over(
    state: str, after_expiry: timedelta, expected: str
) -> None:
    assert determine_order_state(state, NOW, NOW + after_expiry) == expected


@pytest.mark.parametrize(
    ("method", "card", "is_valid"),
    [("card", "pm_1", True), ("coins", None, True), ("card", None, False), ("coins", "pm_1", False)],
)
def test_a_card_is_required_for_the_method_card_and_refused_for_coins(
    method: str, card: str | None, is_valid: bool
) -> None:
    if is_valid:
        validate_method(method, card)
    else:
        with pytest.raises(BadRequest):
            validate_method(method, card)


@pytest.mark.parametrize(
    ("code", "decline_code", "public_code", "advice"),
    [
        ("card_declined", "insufficient_funds", "insufficient_funds", declines.INSUFFICIENT_FUNDS),
        ("expired_card", None, "expired_card", declines.CARD_EXPIRED),
        ("incorrect_cvc", "incorrect_cvc", "incorrect_cvc", declines.CHECK_CARD_DETAILS),
        ("card_declined", "issuer_not_available", "issuer_not_available", declines.TRY_LATER),
        ("authentication_required", None, "authentication_required", declines.AUTHENTICATE),
        ("card_declined", "stolen_card", "card_declined", declines.USE_ANOTHER_CARD),
        ("fraudulent", None, "card_declined", declines.USE_ANOTHER_CARD),
        ("an_unknown_code", None, "an_unknown_code", declines.USE_ANOTHER_CARD),
        ("x" * 100, None, "x" * 64, declines.USE_ANOTHER_CARD),
    ],
)
def test_a_decline_has_a_code_and_advice(
    code: str, decline_code: str | None, public_code: str, advice: str
) -> None:
    assert declines.explain(code, decline_code) == declines.Decline(public_code, advice)


@pytest.mark.parametrize("code", sorted(declines.CONFIDENTIAL_CODES))
def test_a_suspicion_of_the_bank_is_never_passed_on(code: str) -> None:
    assert declines.explain(code, code).code == declines.explain("card_declined", code).code == "card_declined"
