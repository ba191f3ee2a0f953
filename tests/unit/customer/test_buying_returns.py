"""Which products can be returned, until when, and the refund after a check."""

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
def test_an_order_cannot_be_returned_before_the_pick_up(state: str) -> None:
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
    ("returned", "states", "requested", "selected"),
    [
        ((), (), (), [COAT, HAT]),
        ((), (), (HAT,), [HAT]),
        ((COAT,), ("created",), (), [HAT]),
        ((COAT,), ("created", "cancelled"), (), [COAT, HAT]),
        ((COAT,), ("created", "expired"), (COAT,), [COAT]),
    ],
)
def test_products_that_are_in_no_other_return_can_be_returned(
    returned: tuple[str, ...], states: tuple[str, ...], requested: tuple[str, ...], selected: list[str]
) -> None:
    returns = [return_of(*returned, states=states)] if returned else []
    assert select_products(order(), returns, ReturnRequest(requested)) == selected


@pytest.mark.parametrize(("returned", "requested"), [((COAT,), (COAT,)), ((COAT, HAT), ())])
def test_a_product_is_in_one_return(returned: tuple[str, ...], requested: tuple[str, ...]) -> None:
    with pytest.raises(AlreadyReturned):
        select_products(order(), [return_of(*returned)], ReturnRequest(requested))


def test_the_refusal_points_to_a_product_of_another_order() -> None:
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
def test_a_buyer_keeps_products_that_were_not_deposited(states: tuple[str, ...], kept: list[str] | None) -> None:
    assert kept_products(order(), [return_of(COAT, states=states)]) == kept


@pytest.mark.parametrize(
    ("results", "whole", "good", "at_check"),
    [
        ({"coat": "good", "hat": "good"}, "checked_good", [COAT, HAT], 0),  # refunded as a whole, not item by item
        ({"coat": "good", "hat": "bad"}, "checked_bad", [COAT], 3000),
        ({"coat": "bad", "hat": "good"}, "checked_bad", [HAT], 1000),
        ({"coat": "bad", "hat": "bad"}, "checked_bad", [], 0),
        ({}, "collected", [], 0),
    ],
)
def test_good_items_beside_bad_ones_are_refunded_at_the_check(
    results: dict[str, str], whole: str, good: list[str], at_check: int
) -> None:
    checked = return_of(COAT, HAT, states=("collected", whole), **results)
    assert [item.product_id for item in good_items(checked)] == good
    assert refund_at_check(checked) == at_check


@pytest.mark.parametrize(("agreed", "refund"), [(0, 3000), (2999, 3000), (3500, 3500), (4000, 4000)])
def test_the_agreed_refund_includes_the_refund_at_the_check(agreed: int, refund: int) -> None:
    checked = return_of(COAT, HAT, states=("collected", "checked_bad"), coat="good", hat="bad")
    assert agreed_refund(checked, Money(agreed, "EUR")) == refund


@pytest.mark.parametrize("agreed", [Money(4001, "EUR"), Money(1, "USD")])
def test_the_agreed_refund_does_not_exceed_the_price(agreed: Money) -> None:
    with pytest.raises(ValueError, match="more than was paid"):
        agreed_refund(return_of(COAT, HAT, states=("collected", "checked_bad")), agreed)
