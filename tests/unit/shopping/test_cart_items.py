"""How a product in the cart has changed since it was added."""

from __future__ import annotations

import pytest

from services.shopping.cart.carts import classify_change
from services.shopping.products.rules import Product, ProductState
from tests.unit.shopping.factories import held, product_with

STATE = ProductState


@pytest.mark.parametrize(
    ("product", "is_repriced", "change"),
    [
        (product_with(), False, None),
        (product_with(), True, "repriced"),
        (held("prd_1", "bor_1", "usr_other"), False, "held"),
        (held("prd_1", "bor_1", "usr_other", state=STATE.SOLD), True, "sold"),
        (held("prd_1", "bor_1", "usr_me"), False, None),
        (held("prd_1", "bor_1", "usr_me", state=STATE.SOLD), False, None),
        *((product_with(state=state), False, "withdrawn") for state in (STATE.DRAFT, STATE.PRICED)),
        *((product_with(state=state), False, "withdrawn") for state in (STATE.WITHDRAWN, STATE.RECYCLED)),
        (None, False, "withdrawn"),
    ],
)
def test_the_change_of_a_product_in_the_cart(
    product: Product | None, is_repriced: bool, change: str | None
) -> None:
    assert classify_change("usr_me", product, is_repriced=is_repriced) == change
