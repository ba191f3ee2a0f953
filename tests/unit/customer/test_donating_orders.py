"""When a donation needs a box, and which stories earn the reward."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from libs.chassis.state_machine import IllegalTransition
from services.customer.donating_orders.rules import ItemNotFound, OrderEmpty, get_item, has_story, needs_box
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder
from tests.unit.customer.builders import NOON

ROSSIO, GRACA = "loc_rossio", "loc_graca"


def donation(state: str, *stories: str | None, **changed: Any) -> DonatingOrder:
    items = [DonatingItem(id=f"dit_{number}", story=story) for number, story in enumerate(stories)]
    return DonatingOrder(state=state, items=items, **changed)


@pytest.mark.parametrize(
    ("held_for", "location_id", "is_needed"),
    [(1, ROSSIO, False), (0, ROSSIO, True), (-1, ROSSIO, True), (-1, GRACA, True)],
)
def test_a_submitted_donation_keeps_its_box_while_it_is_held(
    held_for: int, location_id: str, is_needed: bool
) -> None:
    submitted = donation("submitted", None, location_id=ROSSIO, held_until=NOON + timedelta(seconds=held_for))
    assert needs_box(submitted, location_id, NOON) is is_needed


def test_a_donation_cannot_change_its_location_while_its_box_is_held() -> None:
    submitted = donation("submitted", None, location_id=ROSSIO, held_until=NOON + timedelta(seconds=1))
    with pytest.raises(IllegalTransition):
        needs_box(submitted, GRACA, NOON)


def test_an_empty_draft_cannot_be_submitted() -> None:
    with pytest.raises(OrderEmpty):
        needs_box(donation("draft"), ROSSIO, NOON)
    assert needs_box(donation("draft", None), ROSSIO, NOON)


@pytest.mark.parametrize("state", ["cancelled", "deposited", "sold"])
def test_only_a_draft_can_be_submitted(state: str) -> None:
    with pytest.raises(IllegalTransition):
        needs_box(donation(state, None), ROSSIO, NOON)


@pytest.mark.parametrize(
    ("stories", "expected"),
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
def test_only_visible_text_counts_as_a_story(stories: tuple[str | None, ...], expected: bool) -> None:
    assert has_story(donation("deposited", *stories)) is expected


def test_an_item_of_another_order_is_not_found() -> None:
    assert get_item(donation("draft", None, "A story"), "dit_1").story == "A story"
    with pytest.raises(ItemNotFound):
        get_item(donation("draft", None), "dit_1")
