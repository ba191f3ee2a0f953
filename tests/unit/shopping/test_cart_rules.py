"""Merging and changing carts: no stale copy undoes an acknowledged change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shopping.cart.rules import (
    EMPTY_CART,
    MAX_REMOVED,
    CartChange,
    CartEntry,
    CartIsFull,
    StoredCart,
    apply_changes,
    merge,
)

PRODUCTS = st.sampled_from(["a", "b", "c", "d"])
ENTRIES = st.builds(
    CartEntry,
    product_id=PRODUCTS,
    changed_at_ms=st.integers(1, 9),
    present=st.booleans(),
    added_at_ms=st.integers(1, 9),
    price_amount=st.integers(0, 3),
    price_currency=st.just("EUR"),
)
CARTS = st.builds(
    StoredCart,
    version=st.integers(0, 9),
    updated_at_ms=st.integers(0, 9),
    entries=st.lists(ENTRIES, max_size=4).map(lambda entries: {entry.product_id: entry for entry in entries}),
)


def add(product_id: str, amount: int = 1000) -> CartChange:
    return CartChange(product_id, True, amount, "EUR")


def remove(product_id: str) -> CartChange:
    return CartChange(product_id, False)


def after(cart: StoredCart, *changes: CartChange, now_ms: int, max_items: int = 50) -> StoredCart:
    return apply_changes(cart, changes, now_ms=now_ms, max_items=max_items)


def ids(cart: StoredCart) -> list[str]:
    return [entry.product_id for entry in cart.present_entries]


@given(CARTS)
def test_a_cart_is_read_back_as_it_was_written(cart: StoredCart) -> None:
    assert StoredCart.from_document(json.loads(json.dumps(cart.to_document()))) == cart


@given(CARTS, CARTS)
def test_merging_has_the_same_content_in_any_order(one: StoredCart, two: StoredCart) -> None:
    assert merge(one, two).entries == merge(two, one).entries


@given(CARTS, CARTS)
def test_merging_again_changes_nothing(one: StoredCart, two: StoredCart) -> None:
    once = merge(one, two)
    assert merge(once, two).entries == once.entries
    assert merge(once, once) == once


@given(CARTS, CARTS)
def test_new_content_never_has_a_version_that_a_copy_used_for_other_content(
    one: StoredCart, two: StoredCart
) -> None:
    result = merge(one, two)
    for copy in (one, two):
        assert result.version >= copy.version
        assert result.version > copy.version or result.entries == copy.entries


def test_products_are_listed_in_the_order_of_their_addition() -> None:
    cart = after(EMPTY_CART, add("b"), now_ms=1)
    cart = after(cart, add("a"), now_ms=2)
    assert ids(cart) == ["b", "a"]
    assert (cart.version, cart.updated_at_ms) == (2, 2)


def test_repeated_changes_change_nothing() -> None:
    cart = after(EMPTY_CART, add("a"), now_ms=1)
    assert after(cart, add("a"), now_ms=2) is cart
    assert after(cart, remove("b"), now_ms=2) is cart


def test_a_copy_that_may_be_stale_records_changes_without_visible_effect() -> None:
    stale = after(EMPTY_CART, add("a"), now_ms=1)
    newer = after(after(stale, remove("a"), now_ms=2), add("b"), now_ms=3)
    recorded = apply_changes(stale, [add("a"), remove("b")], now_ms=4, max_items=50, may_be_stale=True)
    assert ids(recorded) == ["a"]
    assert ids(merge(newer, recorded)) == ids(merge(recorded, newer)) == ["a"]


def test_a_product_added_later_is_not_removed_by_an_earlier_order() -> None:
    cart = after(EMPTY_CART, add("a"), now_ms=5)
    assert after(cart, CartChange("a", False, added_until_ms=4), now_ms=6) is cart
    assert ids(after(cart, CartChange("a", False, added_until_ms=5), now_ms=6)) == []


def test_a_new_price_keeps_the_place_of_the_product() -> None:
    cart = after(EMPTY_CART, add("a"), now_ms=1)
    cart = after(cart, add("b"), now_ms=2)
    cart = after(cart, add("a", 900), now_ms=3)
    assert ids(cart) == ["a", "b"]
    assert cart.entries["a"].price_amount == 900


def test_merging_a_stale_copy_loses_and_restores_nothing() -> None:
    stale = after(EMPTY_CART, add("a"), now_ms=1)
    newer = after(after(stale, add("b"), now_ms=2), remove("a"), now_ms=3)
    assert ids(merge(stale, newer)) == ["b"]
    changed_stale = after(stale, add("c"), now_ms=4)
    assert ids(merge(changed_stale, newer)) == ["b", "c"]


def test_a_change_in_the_same_millisecond_still_wins() -> None:
    cart = after(after(EMPTY_CART, add("a"), now_ms=5), remove("a"), now_ms=5)
    assert cart.entries["a"].changed_at_ms == 6
    assert ids(merge(after(EMPTY_CART, add("a"), now_ms=5), cart)) == []


def test_a_full_cart_only_accepts_removals_and_new_prices() -> None:
    cart = after(EMPTY_CART, add("a"), add("b"), now_ms=1, max_items=2)
    with pytest.raises(CartIsFull):
        after(cart, add("c"), now_ms=2, max_items=2)
    assert ids(after(cart, add("a", 1), now_ms=2, max_items=2)) == ["a", "b"]
    assert ids(after(cart, remove("a"), add("c"), now_ms=2, max_items=2)) == ["b", "c"]
    assert ids(after(cart, remove("a"), now_ms=2, max_items=1)) == ["b"]


def test_only_the_latest_removals_are_kept() -> None:
    cart = EMPTY_CART
    for number in range(MAX_REMOVED + 5):
        cart = after(cart, add(f"p{number:03}"), now_ms=number * 2)
        cart = after(cart, remove(f"p{number:03}"), now_ms=number * 2 + 1)
    assert len(cart.entries) == MAX_REMOVED
    assert "p004" not in cart.entries
    assert "p005" in cart.entries
