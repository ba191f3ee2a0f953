"""What can be held, until when, and whose hold it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.chassis.money import Money
from services.shopping.holds import rules
from services.shopping.holds.hold_store import HeldItem, Hold, HoldState
from services.shopping.products.rules import Product, ProductState
from tests.unit.shopping.factories import NOW, held, product_with


def products(*found: Product) -> dict[str, Product]:
    return {product.id: product for product in found}


def test_a_hold_lapses_after_the_minutes_of_the_setting_to_the_millisecond() -> None:
    now = NOW.replace(microsecond=123_456)
    assert rules.deadline(now, 15) == NOW.replace(microsecond=123_000) + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("buyer_id", "product_ids", "same"),
    [
        ("usr_a", ["prd_1", "prd_2"], True),
        ("usr_a", ["prd_2", "prd_1"], True),
        ("usr_a", ["prd_1"], False),
        ("usr_a", ["prd_1", "prd_2", "prd_3"], False),
        ("usr_b", ["prd_1", "prd_2"], False),
    ],
)
def test_a_repeated_request_is_recognised(buyer_id: str, product_ids: list[str], same: bool) -> None:
    items = [HeldItem(product_id, "Coat", Money(4900, "EUR")) for product_id in ("prd_1", "prd_2")]
    hold = Hold("bor_1", "usr_a", HoldState.ACTIVE, NOW, items)
    assert rules.is_same_order(hold, buyer_id, product_ids) is same
    assert (hold.total, hold.version) == (Money(9800, "EUR"), 1)


def test_only_published_products_with_a_price_can_be_ordered() -> None:
    others = [
        product_with(str(state), state=state) for state in ProductState if state is not ProductState.PUBLISHED
    ]
    found = products(product_with("prd_1"), product_with("prd_2", price=None), *others)
    wanted = ["prd_2", "prd_1", "prd_unknown", *(str(state) for state in ProductState)]
    item = HeldItem("prd_1", "Navy wool coat", Money(4900, "EUR"))
    assert rules.available_items(wanted, found, "EUR") == [item]
    assert rules.available_items(wanted, found, "USD") == []


def test_a_hold_has_lapsed_at_its_deadline_and_not_before() -> None:
    found = [
        held("prd_1", "bor_past", "usr_a", NOW - timedelta(seconds=1)),
        held("prd_2", "bor_now", "usr_a", NOW),
        held("prd_3", "bor_later", "usr_a", NOW + timedelta(milliseconds=1)),
        product_with("prd_4"),
    ]
    assert rules.orders_with_lapsed_holds(found, NOW) == {"bor_past", "bor_now"}


@pytest.mark.parametrize(
    ("found", "order_id"),
    [
        ([held("prd_1", "bor_1", "usr_a"), held("prd_2", "bor_1", "usr_a")], "bor_1"),
        ([held("prd_1", "bor_1", "usr_a"), held("prd_2", "bor_2", "usr_a")], None),
        ([held("prd_1", "bor_1", "usr_a"), held("prd_2", "bor_2", "usr_b")], None),
        ([held("prd_1", "bor_1", "usr_a"), product_with("prd_2")], None),
        ([held("prd_1", "bor_1", "usr_a")], None),
        ([held(one, "bor_1", "usr_a", state=ProductState.SOLD) for one in ("prd_1", "prd_2")], None),
    ],
)
def test_a_buyer_is_referred_to_the_own_order_that_holds_all_products(
    found: list[Product], order_id: str | None
) -> None:
    assert rules.own_order_with_all(["prd_1", "prd_2"], found, "usr_a") == order_id
