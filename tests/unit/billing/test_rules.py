"""Rules of money, coins and deadlines that need no store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.problems import BadRequest
from services.billing import buying, coins, coupons, declines, donations, orders, payouts, settlement
from services.billing.comparison import AGREES, OLD_ENOUGH, Outcome, compared_refund, end_of_window
from services.billing.coupons import CouponNotUsable
from services.billing.events import good_beside_bad
from services.billing.models import Coupon, Payment, Purchase
from services.billing.payment_states import MOVES
from services.billing.payments import refuse_method_without_card
from services.billing.refunds import coins_of

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
AMOUNTS = st.integers(0, 1_000_000)


# Coins: double entry, debts


@given(AMOUNTS, AMOUNTS)
def test_what_comes_in_pays_the_debt_first(debt: int, amount: int) -> None:
    to_wallet, pays_debt = coins.split_credit(debt, amount)
    assert to_wallet + pays_debt == amount
    assert 0 <= pays_debt <= debt
    assert to_wallet == 0 or pays_debt == debt


@given(AMOUNTS, AMOUNTS)
def test_what_the_wallet_lacks_becomes_a_debt(balance: int, amount: int) -> None:
    from_wallet, to_debt = coins.split_take_back(balance, amount)
    assert from_wallet + to_debt == amount
    assert 0 <= from_wallet <= balance
    assert to_debt == 0 or from_wallet == balance


@given(st.dictionaries(st.sampled_from(["usr_1", "usr_1.debt"]), st.integers(-1000, 1000), min_size=1))
def test_the_entries_of_a_record_sum_to_zero(changes: dict[str, int]) -> None:
    entries = coins.entries_of(changes, coins.REWARDS)
    assert sum(entries.values()) == 0
    assert {name: amount for name, amount in changes.items() if amount} == {
        name: amount for name, amount in entries.items() if name != coins.REWARDS
    }


# Rewards: what earns, what is taken back


@pytest.mark.parametrize(
    ("state", "has_story", "is_first", "reasons"),
    [
        ("submitted", True, True, []),
        ("deposited", False, False, ["deposit"]),
        ("deposited", True, False, ["deposit", "story"]),
        ("deposited", False, True, ["deposit", "first_donation"]),
        ("deposited", True, True, ["deposit", "first_donation", "story"]),
        ("checked_good", True, True, []),
        ("checked_bad", True, True, ["checked_bad"]),
        ("cancelled", True, True, []),
    ],
)
def test_a_donation_earns_at_its_deposit_and_when_it_is_checked_as_bad(
    state: str, has_story: bool, is_first: bool, reasons: list[str]
) -> None:
    assert donations.rewards_at(state, has_story=has_story, is_first=is_first) == reasons


def test_a_pick_up_earns_and_the_first_one_more() -> None:
    assert buying.rewards_of_pick_up(is_first=False) == ["pick_up"]
    assert buying.rewards_of_pick_up(is_first=True) == ["pick_up", "first_purchase"]


def paid(*prices: int) -> Payment:
    lines = [{"product_id": f"prd_{number}", "price": {"amount": price}} for number, price in enumerate(prices)]
    return Payment(lines=lines, amount=sum(prices))


@pytest.mark.parametrize(
    ("earned", "prices", "returned", "share"),
    [
        (120, (4900, 1501), ["prd_0"], 91),
        (120, (4900, 1501), ["prd_1"], 28),
        (120, (4900, 1501), ["prd_0", "prd_1"], 120),
        (120, (4900, 1501), [], 0),
        (120, (4900,), ["prd_9"], 0),
        (120, (0, 0), ["prd_0"], 0),
        (120, (0, 0), ["prd_0", "prd_1"], 120),
    ],
)
def test_a_return_takes_back_the_part_of_the_rewards_that_its_price_has(
    earned: int, prices: tuple[int, ...], returned: list[str], share: int
) -> None:
    assert buying.share_of_returned(earned, paid(*prices), returned) == share


@given(st.integers(0, 500), st.lists(st.integers(0, 5000), min_size=1, max_size=5), st.data())
def test_returns_together_take_back_what_one_would(earned: int, prices: list[int], data: st.DataObject) -> None:
    products = [f"prd_{number}" for number in range(len(prices))]
    some = data.draw(st.lists(st.sampled_from(products), unique=True))
    share = buying.share_of_returned(earned, paid(*prices), some)
    assert 0 <= share <= buying.share_of_returned(earned, paid(*prices), products) == earned


# Refunds


@given(st.integers(1, 100_000), st.integers(0, 100_000), st.lists(st.integers(1, 1000)))
def test_coins_of_all_refunds_sum_up_to_what_was_paid(amount: int, price: int, parts: list[int]) -> None:
    payment, returned = Payment(amount=amount, coins=price, refunded=0), 0
    for part in [*parts, amount]:
        back = min(part, amount - payment.refunded)
        returned += coins_of(payment, back) or 0
        payment.refunded += back
        assert 0 <= returned <= price
    assert returned == price


def test_a_card_gets_no_coins_back() -> None:
    assert coins_of(Payment(amount=100, coins=None, refunded=0), 50) is None


def checked(state: str, *results: str, **more: Any) -> dict[str, Any]:
    items = [
        {"product_id": f"prd_{n}", "price": {"amount": 100 + n}, "result": one} for n, one in enumerate(results)
    ]
    return {"state": state, "items": items} | more


@pytest.mark.parametrize(
    ("data", "good"),
    [
        (checked("checked_bad", "good", "bad"), {"prd_0": 100}),
        (checked("refund_decided", "bad", "good"), {"prd_1": 101}),
        (checked("checked_good", "good", "good"), {}),
        (checked("refund_decided", "good", "bad", is_force_cancelled=True), {}),
        ({"state": "checked_bad"}, {}),
    ],
)
def test_what_is_good_beside_something_bad_waits_for_no_decision(
    data: dict[str, Any], good: dict[str, int]
) -> None:
    assert good_beside_bad(data) == good


# Shares


@pytest.mark.parametrize(
    ("ended_at", "returned", "is_back"), [(None, [], False), (None, ["prd_1"], True), (NOW, [], True)]
)
def test_no_share_is_prepared_for_what_is_no_longer_the_buyers(
    ended_at: datetime | None, returned: list[str], is_back: bool
) -> None:
    assert payouts.is_back(Purchase(ended_at=ended_at, returned_product_ids=returned), "prd_1") is is_back


# Coupons, orders, methods: what can be used, paid and sent


@pytest.mark.parametrize(
    ("state", "after", "is_usable"),
    [("given", -SECOND, True), ("given", timedelta(0), False), ("used", -SECOND, False), ("void", -SECOND, False)],
)
def test_a_coupon_is_used_once_and_before_its_time_is_over(state: str, after: timedelta, is_usable: bool) -> None:
    coupon = Coupon(state=state, valid_until=NOW)
    if is_usable:
        coupons.use(coupon, "usr_1", NOW + after)
        assert (coupon.state, coupon.used_by, coupon.used_at) == ("used", "usr_1", NOW + after)
    else:
        with pytest.raises(CouponNotUsable):
            coupons.use(coupon, "usr_1", NOW + after)
        assert (coupon.state, coupon.used_by) == (state, None)


@pytest.mark.parametrize(
    ("state", "after", "seen"),
    [
        ("placed", -SECOND, "placed"),
        ("placed", timedelta(0), "expired"),
        ("paid", SECOND, "paid"),
        ("cancelled", -SECOND, "cancelled"),
    ],
)
def test_an_order_is_expired_from_its_time_on(state: str, after: timedelta, seen: str) -> None:
    assert orders.state_at(state, NOW, NOW + after) == seen


@pytest.mark.parametrize(
    ("method", "card", "is_right"),
    [("card", "pm_1", True), ("coins", None, True), ("card", None, False), ("coins", "pm_1", False)],
)
def test_a_card_comes_with_the_method_card_and_only_then(method: str, card: str | None, is_right: bool) -> None:
    if is_right:
        refuse_method_without_card(method, card)
    else:
        with pytest.raises(BadRequest):
            refuse_method_without_card(method, card)


# Declines


@pytest.mark.parametrize(
    ("code", "decline_code", "shown", "advice"),
    [
        ("card_declined", "insufficient_funds", "insufficient_funds", declines.NO_MONEY),
        ("expired_card", None, "expired_card", declines.TOO_OLD),
        ("incorrect_cvc", "incorrect_cvc", "incorrect_cvc", declines.TYPE_AGAIN),
        ("card_declined", "issuer_not_available", "issuer_not_available", declines.TRY_LATER),
        ("authentication_required", None, "authentication_required", declines.DO_THE_CHECK),
        ("card_declined", "stolen_card", "card_declined", declines.USE_ANOTHER),
        ("fraudulent", None, "card_declined", declines.USE_ANOTHER),
        ("a_code_of_tomorrow", None, "a_code_of_tomorrow", declines.USE_ANOTHER),
        ("x" * 100, None, "x" * 64, declines.USE_ANOTHER),
    ],
)
def test_a_decline_says_what_its_owner_can_do(code: str, decline_code: str | None, shown: str, advice: str) -> None:
    assert declines.explain(code, decline_code) == declines.Decline(shown, advice)


@pytest.mark.parametrize("secret", sorted(declines.NOT_PASSED_ON))
def test_what_the_bank_suspects_is_never_passed_on(secret: str) -> None:
    assert (
        declines.explain(secret, secret).code == declines.explain("card_declined", secret).code == "card_declined"
    )


# Settling and reconciliation


@pytest.mark.parametrize(
    ("waited", "wait"),
    [
        (timedelta(0), settlement.SHORTEST_WAIT),
        (timedelta(minutes=10), timedelta(minutes=2, seconds=30)),
        (timedelta(days=9), settlement.LONGEST_WAIT),
    ],
)
def test_the_provider_is_asked_less_and_less_often(waited: timedelta, wait: timedelta) -> None:
    assert settlement.wait_after(waited) == wait


@pytest.mark.parametrize(
    ("fee_id", "state", "age", "is_abandoned"),
    [
        ("fee_1", "requires_action", timedelta(hours=1, seconds=1), True),
        ("fee_1", "created", timedelta(hours=1, seconds=1), True),
        ("fee_1", "requires_action", timedelta(hours=1), False),
        ("fee_1", "authorized", timedelta(hours=9), False),
        (None, "requires_action", timedelta(hours=9), False),
    ],
)
def test_a_payment_of_a_fee_that_is_left_half_way_for_an_hour_is_abandoned(
    fee_id: str | None, state: str, age: timedelta, is_abandoned: bool
) -> None:
    payment = Payment(fee_id=fee_id, state=state, created_at=NOW - age)
    assert settlement.is_abandoned(payment, NOW) is is_abandoned


@pytest.mark.parametrize(
    ("ours", "status", "outcome"),
    [
        ("pending", "pending", Outcome.HAS_NEWS),
        ("pending", "succeeded", Outcome.HAS_NEWS),
        ("made", "succeeded", Outcome.AGREES),
        ("made", "failed", Outcome.HAS_NEWS),
        ("made", "pending", Outcome.DIFFERS),
        ("failed", "canceled", Outcome.AGREES),
        ("failed", "succeeded", Outcome.DIFFERS),
    ],
)
def test_a_refund_is_compared_with_the_providers(ours: str, status: str, outcome: Outcome) -> None:
    assert compared_refund(ours, status) is outcome


def test_every_state_of_a_payment_says_what_agrees_with_it() -> None:
    assert AGREES.keys() == MOVES.keys()
    taken = {state for state, agreeing in AGREES.items() if "succeeded" in agreeing}
    assert taken == {"captured", "refunding", "refunded"}
    assert all(not AGREES[state] for state in ("capturing", "voiding")), "these are on their way to another state"


@given(st.timedeltas(timedelta(0), timedelta(days=3)))
def test_a_window_of_the_reconciliation_leaves_the_newest_out_and_never_goes_back(age: timedelta) -> None:
    since = NOW - age
    until = end_of_window(since, NOW)
    assert since <= until <= max(since, NOW - OLD_ENOUGH)
    assert until == since or until.microsecond == 0
