"""What of a purchase can be returned, until when, and what a check pays back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.chassis.money import Money
from libs.chassis.problems import Conflict
from services.customer.buying_returns.rules import (
    AlreadyReturned,
    NotInOrder,
    NotReturnable,
    ReturnRequest,
    ReturnWindowOver,
    agreed_refund,
    good_items,
    kept_products,
    refund_at_check,
    require_returnable,
    select_products,
)
from tests.unit.customer.builders import COAT, HAT, NOON, order, return_of

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("state", ["placed", "paid", "packing", "packed", "shipping", "in_box", "cancelled"])
def test_nothing_is_returned_before_the_pick_up(state: str) -> None:
    with pytest.raises(NotReturnable, match="only an order that was picked up"):
        require_returnable(order(state=state, return_until=None), NOON)


@pytest.mark.parametrize(
    ("late", "state", "refusal"),
    [
        (-SECOND, "picked_up", None),
        (timedelta(), "picked_up", None),
        (SECOND, "picked_up", ReturnWindowOver),
        (-SECOND, "completed", ReturnWindowOver),
    ],
)
def test_the_return_window_ends_at_its_deadline(
    late: timedelta, state: str, refusal: type[Conflict] | None
) -> None:
    if refusal is None:
        require_returnable(order(state=state), NOON + late)
        return
    with pytest.raises(refusal, match=r"November 30, 2026, 12:00\sPM \(Lisbon time\)"):
        require_returnable(order(state=state), NOON + late)


@pytest.mark.parametrize(
    ("returned", "states", "wish", "chosen"),
    [
        ((), (), (), [COAT, HAT]),
        ((), (), (HAT,), [HAT]),
        ((COAT,), ("created",), (), [HAT]),
        ((COAT,), ("created", "cancelled"), (), [COAT, HAT]),
        ((COAT,), ("created", "expired"), (COAT,), [COAT]),
    ],
)
def test_what_is_in_no_other_return_can_be_chosen(
    returned: tuple[str, ...], states: tuple[str, ...], wish: tuple[str, ...], chosen: list[str]
) -> None:
    returns = [return_of(*returned, states=states)] if returned else []
    assert select_products(order(), returns, ReturnRequest(wish)) == chosen


@pytest.mark.parametrize(("returned", "wish"), [((COAT,), (COAT,)), ((COAT, HAT), ())])
def test_a_product_is_in_one_return(returned: tuple[str, ...], wish: tuple[str, ...]) -> None:
    with pytest.raises(AlreadyReturned):
        select_products(order(), [return_of(*returned)], ReturnRequest(wish))


def test_a_product_of_another_order_is_named_by_its_pointer() -> None:
    with pytest.raises(NotInOrder) as refused:
        select_products(order(), [], ReturnRequest((COAT, "prd_other")))
    assert (refused.value.errors or [])[0]["pointer"] == "/product_ids/1"


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        (("created",), None),
        (("created", "cancelled"), [COAT, HAT]),
        (("created", "expired"), [COAT, HAT]),
        (("created", "in_box"), [HAT]),
        (("created", "in_box", "collected", "checked_bad"), [HAT]),
    ],
)
def test_a_buyer_keeps_what_was_not_handed_in(states: tuple[str, ...], kept: list[str] | None) -> None:
    assert kept_products(order(), [return_of(COAT, states=states)]) == kept


@pytest.mark.parametrize(
    ("results", "whole", "good", "at_check"),
    [
        ({"coat": "good", "hat": "good"}, "checked_good", [COAT, HAT], 0),  # paid back as a whole, not by pieces
        ({"coat": "good", "hat": "bad"}, "checked_bad", [COAT], 3000),
        ({"coat": "bad", "hat": "good"}, "checked_bad", [HAT], 1000),
        ({"coat": "bad", "hat": "bad"}, "checked_bad", [], 0),
        ({}, "collected", [], 0),
    ],
)
def test_good_pieces_are_paid_back_without_waiting_for_the_bad_ones(
    results: dict[str, str], whole: str, good: list[str], at_check: int
) -> None:
    checked = return_of(COAT, HAT, states=("collected", whole), **results)
    assert [item.product_id for item in good_items(checked)] == good
    assert refund_at_check(checked) == at_check


@pytest.mark.parametrize(("agreed", "refund"), [(0, 3000), (2999, 3000), (3500, 3500), (4000, 4000)])
def test_an_agreement_adds_to_what_was_paid_back_at_the_check(agreed: int, refund: int) -> None:
    checked = return_of(COAT, HAT, states=("collected", "checked_bad"), coat="good", hat="bad")
    assert agreed_refund(checked, Money(agreed, "EUR")) == refund


@pytest.mark.parametrize("agreed", [Money(4001, "EUR"), Money(1, "USD")])
def test_no_agreement_pays_back_more_than_was_paid(agreed: Money) -> None:
    with pytest.raises(ValueError, match="more than was paid"):
        agreed_refund(return_of(COAT, HAT, states=("collected", "checked_bad")), agreed)
