"""When a donation needs a box, and which of its clothes' stories earn the reward."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from services.customer.models import DonatingItem, DonatingOrder

from libs.chassis import clock
from libs.chassis.state_machine import IllegalTransition
from services.customer import donating_orders
from services.customer.donating_orders import ItemNotFound, OrderEmpty
from tests.unit.customer.orders import NOON

ROSSIO, GRACA = "loc_rossio", "loc_graca"


def donation(state: str, *stories: str | None, **changed: Any) -> DonatingOrder:
    items = [DonatingItem(id=f"dit_{number}", story=story) for number, story in enumerate(stories)]
    return DonatingOrder(state=state, items=items, **changed)


@pytest.mark.parametrize(
    ("held_for", "location_id", "needs_box"),
    [(1, ROSSIO, False), (0, ROSSIO, True), (-1, ROSSIO, True), (-1, GRACA, True)],
)
def test_a_submitted_donation_keeps_its_box_while_it_is_held(
    held_for: int, location_id: str, needs_box: bool
) -> None:
    submitted = donation("submitted", None, location_id=ROSSIO, held_until=NOON + timedelta(seconds=held_for))
    with clock.freeze(NOON):
        assert donating_orders.needs_box(submitted, location_id) is needs_box


def test_a_donation_does_not_move_to_another_location_while_its_box_is_held() -> None:
    submitted = donation("submitted", None, location_id=ROSSIO, held_until=NOON + timedelta(seconds=1))
    with clock.freeze(NOON), pytest.raises(IllegalTransition):
        donating_orders.needs_box(submitted, GRACA)


def test_an_empty_draft_cannot_be_submitted() -> None:
    with pytest.raises(OrderEmpty):
        donating_orders.needs_box(donation("draft"), ROSSIO)
    assert donating_orders.needs_box(donation("draft", None), ROSSIO)


@pytest.mark.parametrize("state", ["cancelled", "deposited", "sold"])
def test_what_is_no_draft_is_not_submitted(state: str) -> None:
    with pytest.raises(IllegalTransition):
        donating_orders.needs_box(donation(state, None), ROSSIO)


@pytest.mark.parametrize(
    ("stories", "has_story"),
    [
        ((), False),
        ((None,), False),
        (("",), False),
        (("  \t\n",), False),
        (("\u00a0\u2003\u3000",), False),
        (("\u200b\u200d\ufeff\u2060",), False),
        (("\u00ad\u034f\u180e",), False),
        ((None, "It was my aunt's coat."), True),
        (("\u200bÉ",), True),
    ],
)
def test_only_a_real_text_is_a_story(stories: tuple[str | None, ...], has_story: bool) -> None:
    assert donating_orders.has_story(donation("deposited", *stories)) is has_story


def test_an_item_is_found_in_its_own_order_only() -> None:
    assert donating_orders.item_of(donation("draft", None, "A story"), "dit_1").story == "A story"
    with pytest.raises(ItemNotFound):
        donating_orders.item_of(donation("draft", None), "dit_1")
