"""The product's state machine, as the table of the domain says it."""

from __future__ import annotations

import pytest

from services.shopping.products import (
    TRANSITIONS,
    IllegalTransition,
    Move,
    ProductState,
    legal_origins,
    next_state,
)

LEGAL = [
    ("draft", Move.SET_PRICE, "priced"),
    ("priced", Move.SET_PRICE, "priced"),
    ("published", Move.SET_PRICE, "published"),
    ("withdrawn", Move.SET_PRICE, "withdrawn"),
    ("priced", Move.SCHEDULE, "priced"),
    ("priced", Move.PUBLISH, "published"),
    ("withdrawn", Move.PUBLISH, "published"),
    ("priced", Move.UNSCHEDULE, "priced"),
    ("published", Move.WITHDRAW, "withdrawn"),
    ("withdrawn", Move.RESUME, "published"),
    ("published", Move.HOLD, "held"),
    ("held", Move.RELEASE, "published"),
    ("held", Move.SELL, "sold"),
    ("sold", Move.SELL_AGAIN, "published"),
    ("sold", Move.TAKE_BACK, "draft"),
    ("draft", Move.RECYCLE, "recycled"),
    ("priced", Move.RECYCLE, "recycled"),
    ("published", Move.RECYCLE, "recycled"),
    ("withdrawn", Move.RECYCLE, "recycled"),
    ("sold", Move.RECYCLE, "recycled"),
    ("draft", Move.EDIT, "draft"),
    ("priced", Move.EDIT, "priced"),
    ("published", Move.EDIT, "published"),
    ("withdrawn", Move.EDIT, "withdrawn"),
    ("draft", Move.RETURN, "returned"),
    ("priced", Move.RETURN, "returned"),
    ("published", Move.RETURN, "returned"),
    ("withdrawn", Move.RETURN, "returned"),
]


@pytest.mark.parametrize(("origin", "move", "target"), LEGAL)
def test_a_legal_move_leads_to_its_state(origin: str, move: Move, target: str) -> None:
    assert next_state(ProductState(origin), move) == target
    assert origin in legal_origins(move)


def test_every_other_move_is_refused_with_a_reason() -> None:
    legal = {(origin, move) for origin, move, _ in LEGAL}
    refused = [(s, m) for s in ProductState for m in Move if (str(s), m) not in legal]
    assert len(refused) == len(ProductState) * len(Move) - len(LEGAL)
    for state, move in refused:
        with pytest.raises(IllegalTransition) as raised:
            next_state(state, move)
        assert raised.value.status == 409
        assert str(state) in raised.value.detail
        assert raised.value.extensions == {"state": str(state)}


def test_nothing_leaves_the_recycled_state() -> None:
    assert all(ProductState.RECYCLED not in origins for origins in TRANSITIONS.values())
