"""What ends work, what a check gives, what leaves for recycling, and what is agreed with buyers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.problems import Problem
from services.admin import checks, hand_overs, return_contacts, work_steps
from services.admin.checks import Check, ProductCheck, ResultOrProducts, WrongProducts
from services.admin.hand_overs import NotForRecycling
from services.admin.models import OrderAtWork, Package
from services.admin.return_contacts import Agreement, ContactInFuture, RefundTooHigh
from services.admin.work_orders import IllegalTransition
from services.admin.work_steps import CodesMissing
from tests.unit.admin.people import work_order

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
GOOD, BAD = ProductCheck("prd_1", "good"), ProductCheck("prd_2", "bad", "Torn")


def pointers(problem: Problem) -> list[str]:
    return [error["pointer"] for error in problem.errors or ()]


@pytest.mark.parametrize("state", ["open", "assigned", "failed", "done"])
def test_only_work_in_progress_is_finished(state: str) -> None:
    with pytest.raises(IllegalTransition, match=f"{state} cannot become done"):
        work_steps.refuse_unless_scanned(work_order(state=state))


def test_every_code_of_an_order_that_is_still_in_it_is_scanned_first() -> None:
    scanned, missing = OrderAtWork(order_id="a", scanned_at=NOON), OrderAtWork(order_id="b")
    with pytest.raises(CodesMissing, match="scan 1 more"):
        work_steps.refuse_unless_scanned(work_order(state="in_progress", orders=[scanned, missing]))
    missing.dropped_at = NOON
    work_steps.refuse_unless_scanned(work_order(state="in_progress", orders=[scanned, missing]))


@pytest.mark.parametrize(
    ("state", "scanned_at", "expected"),
    [
        ("open", None, False),
        ("assigned", None, False),
        ("in_progress", None, True),
        ("done", None, True),
        ("failed", None, False),
        ("failed", NOON, True),  # it may still lie in the van
    ],
)
def test_a_package_is_in_transit_once_its_deliveryman_has_it(
    state: str, scanned_at: datetime | None, expected: bool
) -> None:
    orders = [OrderAtWork(order_id="bor_1", scanned_at=scanned_at)]
    assert work_steps.is_in_transit(work_order("shipping", state, orders=orders)) is expected


@pytest.mark.parametrize(
    ("check", "result"),
    [
        (Check(result="good"), "good"),
        (Check(result="bad"), "bad"),
        (Check(products=[GOOD]), "good"),
        (Check(products=[GOOD, BAD]), "bad"),
    ],
)
def test_a_package_is_bad_when_one_piece_is(check: Check, result: str) -> None:
    assert checks.overall_result(check) == result


@pytest.mark.parametrize("check", [Check(), Check(result="good", products=[GOOD])])
def test_a_check_has_one_result_or_one_for_each_product(check: Check) -> None:
    with pytest.raises(ResultOrProducts):
        checks.overall_result(check)


@pytest.mark.parametrize(
    ("products", "wrong"),
    [
        ([GOOD], ["/products"]),
        ([GOOD, GOOD, BAD], ["/products/1/product_id"]),
        ([GOOD, BAD, ProductCheck("prd_3", "good")], ["/products/2/product_id"]),
        ([GOOD, ProductCheck("prd_2", "bad")], ["/products/1/reason"]),
    ],
)
def test_each_product_of_a_return_has_one_result_and_a_bad_one_a_reason(
    products: list[ProductCheck], wrong: list[str]
) -> None:
    with pytest.raises(WrongProducts) as refused:
        checks.refuse_wrong_products(["prd_1", "prd_2"], products)
    assert pointers(refused.value) == wrong
    checks.refuse_wrong_products(["prd_1", "prd_2"], [GOOD, BAD])


@pytest.mark.parametrize(
    ("result", "hand_over_id", "reason"),
    [(None, None, "nothing yet"), ("good", None, "as good"), ("bad", "hov_1", "left with hov_1")],
)
def test_only_bad_packages_that_are_still_here_are_recycled(
    result: str | None, hand_over_id: str | None, reason: str
) -> None:
    with pytest.raises(NotForRecycling, match=reason):
        hand_overs.refuse_unless_recyclable(Package(id="pkg_1", result=result, hand_over_id=hand_over_id))
    hand_overs.refuse_unless_recyclable(Package(id="pkg_1", result="bad"))


@pytest.mark.parametrize(
    ("late", "refund", "refusal", "pointer"),
    [
        (timedelta(), Money(1000, "EUR"), None, ""),
        (timedelta(), Money(0, "EUR"), None, ""),
        (timedelta(), Money(1001, "EUR"), RefundTooHigh, "/refund/amount"),
        (timedelta(), Money(10, "USD"), RefundTooHigh, "/refund/currency"),
        (timedelta(seconds=1), Money(0, "EUR"), ContactInFuture, "/contacted_at"),
    ],
)
def test_an_agreement_is_of_the_past_and_within_what_was_paid(
    late: timedelta, refund: Money, refusal: type[Problem] | None, pointer: str
) -> None:
    agreement = Agreement(NOON + late, "phone", None, refund)
    with clock.freeze(NOON):
        if refusal is None:
            return_contacts.refuse_wrong_agreement(agreement, Money(1000, "EUR"))
            return
        with pytest.raises(refusal) as refused:
            return_contacts.refuse_wrong_agreement(agreement, Money(1000, "EUR"))
    assert pointers(refused.value) == [pointer]
