"""Which products can be held, until when, and by which order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.chassis.money import Money
from services.shopping.holds import rules
from services.shopping.holds.rules import HeldItem, Hold, HoldState
from services.shopping.products.rules import Product, ProductState
from tests.unit.shopping.factories import NOW, held, product_with


def by_id(*products: Product) -> dict[str, Product]:
    return {product.id: product for product in products}


def test_the_deadline_of_a_hold_is_precise_to_the_millisecond() -> None:
    now = NOW.replace(microsecond=123_456)
    assert rules.compute_hold_deadline(now, 15) == NOW.replace(microsecond=123_000) + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("buyer_id", "product_ids", "is_same"),
    [
        ("usr_a", ["prd_1", "prd_2"], True),
        ("usr_a", ["prd_2", "prd_1"], True),
        ("usr_a", ["prd_1"], False),
        ("usr_a", ["prd_1", "prd_2", "prd_3"], False),
        ("usr_b", ["prd_1", "prd_2"], False),
    ],
)
def test_a_repeated_request_names_the_same_buyer_and_products(
    buyer_id: str, product_ids: list[str], is_same: bool
) -> None:
    items = [HeldItem(product_id, "Coat", Money(4900, "EUR")) for product_id in ("prd_1", "prd_2")]
    hold = Hold("bor_1", "usr_a", HoldState.ACTIVE, NOW, items)
    assert rules.is_same_order(hold, buyer_id, product_ids) is is_same
    assert (hold.total, hold.version) == (Money(9800, "EUR"), 1)


def test_only_published_products_with_a_price_can_be_ordered() -> None:
    others = [
        product_with(str(state), state=state) for state in ProductState if state is not ProductState.PUBLISHED
    ]
    products = by_id(product_with("prd_1"), product_with("prd_2", price=None), *others)
    product_ids = ["prd_2", "prd_1", "prd_unknown", *(str(state) for state in ProductState)]
    item = HeldItem("prd_1", "Navy wool coat", Money(4900, "EUR"))
    assert rules.list_available_items(product_ids, products, "EUR") == [item]
    assert rules.list_available_items(product_ids, products, "USD") == []


def test_a_hold_has_lapsed_at_its_deadline_and_not_before() -> None:
    products = [
        held("prd_1", "bor_past", "usr_a", NOW - timedelta(seconds=1)),
        held("prd_2", "bor_now", "usr_a", NOW),
        held("prd_3", "bor_later", "usr_a", NOW + timedelta(milliseconds=1)),
        product_with("prd_4"),
    ]
    assert rules.find_orders_with_lapsed_holds(products, NOW) == {"bor_past", "bor_now"}


@pytest.mark.parametrize(
    ("products", "order_id"),
    [
        ([held("prd_1", "bor_1", "usr_a"), held("prd_2", "bor_1", "usr_a")], "bor_1"),
        ([held("prd_1", "bor_1", "usr_a"), held("prd_2", "bor_2", "usr_a")], None),
        ([held("prd_1", "bor_1", "usr_a"), held("prd_2", "bor_2", "usr_b")], None),
        ([held("prd_1", "bor_1", "usr_a"), product_with("prd_2")], None),
        ([held("prd_1", "bor_1", "usr_a")], None),
        ([held(product_id, "bor_1", "usr_a", state=ProductState.SOLD) for product_id in ("prd_1", "prd_2")], None),
    ],
)
def test_the_own_unpaid_order_that_holds_all_products_is_found(
    products: list[Product], order_id: str | None
) -> None:
    assert rules.find_own_order_with_all(["prd_1", "prd_2"], products, "usr_a") == order_id
