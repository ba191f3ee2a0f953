"""The lifecycle of a product: every legal transition, and no other."""

from __future__ import annotations

import pytest

from libs.chassis.state_machine import IllegalTransition
from services.shopping.products.rules import LIFECYCLE, ProductState, Transition
from tests.unit.shopping.factories import product_with

LEGAL = [
    ("draft", Transition.SET_PRICE, "priced"),
    ("priced", Transition.SET_PRICE, "priced"),
    ("published", Transition.SET_PRICE, "published"),
    ("withdrawn", Transition.SET_PRICE, "withdrawn"),
    ("priced", Transition.SCHEDULE, "priced"),
    ("priced", Transition.PUBLISH, "published"),
    ("withdrawn", Transition.PUBLISH, "published"),
    ("priced", Transition.UNSCHEDULE, "priced"),
    ("published", Transition.WITHDRAW, "withdrawn"),
    ("withdrawn", Transition.RESUME, "published"),
    ("published", Transition.HOLD, "held"),
    ("held", Transition.RELEASE, "published"),
    ("held", Transition.SELL, "sold"),
    ("sold", Transition.RESELL, "published"),
    ("sold", Transition.TAKE_BACK, "draft"),
    ("draft", Transition.RECYCLE, "recycled"),
    ("priced", Transition.RECYCLE, "recycled"),
    ("published", Transition.RECYCLE, "recycled"),
    ("withdrawn", Transition.RECYCLE, "recycled"),
    ("sold", Transition.RECYCLE, "recycled"),
    ("draft", Transition.EDIT, "draft"),
    ("priced", Transition.EDIT, "priced"),
    ("published", Transition.EDIT, "published"),
    ("withdrawn", Transition.EDIT, "withdrawn"),
    ("draft", Transition.RETURN, "returned"),
    ("priced", Transition.RETURN, "returned"),
    ("published", Transition.RETURN, "returned"),
    ("withdrawn", Transition.RETURN, "returned"),
]


@pytest.mark.parametrize(("source", "transition", "target"), LEGAL)
def test_a_legal_transition_leads_to_its_state(source: str, transition: Transition, target: str) -> None:
    assert product_with(state=ProductState(source)).state_after(transition) is ProductState(target)
    assert source in LIFECYCLE.sources(transition)


def test_every_other_transition_is_rejected_with_a_reason() -> None:
    legal = {(source, transition) for source, transition, _ in LEGAL}
    illegal = [(s, t) for s in ProductState for t in Transition if (str(s), t) not in legal]
    assert len(illegal) == len(ProductState) * len(Transition) - len(LEGAL)
    for state, transition in illegal:
        with pytest.raises(IllegalTransition) as raised:
            product_with(state=state).state_after(transition)
        assert raised.value.status == 409
        assert str(state) in raised.value.detail


def test_recycled_and_returned_are_final() -> None:
    assert LIFECYCLE.final_states == {"recycled", "returned"}
