"""Merging and changing carts: no copy, however stale, undoes an acknowledged change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shopping.cart.rules import (
    EMPTY_CART,
    MOST_TAKEN_OUT,
    CartChange,
    CartEntry,
    CartIsFull,
    StoredCart,
    changed,
    decoded,
    merged,
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
    entries=st.lists(ENTRIES, max_size=4).map(lambda found: {entry.product_id: entry for entry in found}),
)


def put(product_id: str, amount: int = 1000) -> CartChange:
    return CartChange(product_id, True, amount, "EUR")


def take_out(product_id: str) -> CartChange:
    return CartChange(product_id, False)


def after(cart: StoredCart, *changes: CartChange, now_ms: int, most_items: int = 50) -> StoredCart:
    return changed(cart, changes, now_ms=now_ms, most_items=most_items)


def ids(cart: StoredCart) -> list[str]:
    return [entry.product_id for entry in cart.present_entries]


@given(ENTRIES)
def test_an_entry_is_read_back_as_it_was_written(entry: CartEntry) -> None:
    assert decoded(entry.product_id, entry.encoded()) == entry


@given(CARTS, CARTS)
def test_merging_has_the_same_content_in_any_order(one: StoredCart, two: StoredCart) -> None:
    assert merged(one, two).entries == merged(two, one).entries


@given(CARTS, CARTS)
def test_merging_again_changes_nothing(one: StoredCart, two: StoredCart) -> None:
    once = merged(one, two)
    assert merged(once, two).entries == once.entries
    assert merged(once, once) == once


@given(CARTS, CARTS)
def test_new_content_never_has_a_version_that_a_copy_used_for_other_content(
    one: StoredCart, two: StoredCart
) -> None:
    result = merged(one, two)
    for copy in (one, two):
        assert result.version >= copy.version
        assert result.version > copy.version or result.entries == copy.entries


def test_things_put_in_come_in_their_order() -> None:
    cart = after(EMPTY_CART, put("b"), now_ms=1)
    cart = after(cart, put("a"), now_ms=2)
    assert ids(cart) == ["b", "a"]
    assert (cart.version, cart.updated_at_ms) == (2, 2)


def test_putting_in_the_same_again_is_no_change() -> None:
    cart = after(EMPTY_CART, put("a"), now_ms=1)
    assert after(cart, put("a"), now_ms=2) is cart
    assert after(cart, take_out("b"), now_ms=2) is cart


def test_a_stale_copy_notes_what_it_seems_to_have_already() -> None:
    stale = after(EMPTY_CART, put("a"), now_ms=1)
    newer = after(after(stale, take_out("a"), now_ms=2), put("b"), now_ms=3)
    noted = changed(stale, [put("a"), take_out("b")], now_ms=4, most_items=50, may_be_stale=True)
    assert ids(noted) == ["a"]
    assert ids(merged(newer, noted)) == ids(merged(noted, newer)) == ["a"]


def test_what_was_put_in_after_a_moment_is_not_taken_out_for_it() -> None:
    cart = after(EMPTY_CART, put("a"), now_ms=5)
    assert after(cart, CartChange("a", False, put_in_until_ms=4), now_ms=6) is cart
    assert ids(after(cart, CartChange("a", False, put_in_until_ms=5), now_ms=6)) == []


def test_another_price_is_a_change_that_keeps_the_place() -> None:
    cart = after(EMPTY_CART, put("a"), now_ms=1)
    cart = after(cart, put("b"), now_ms=2)
    cart = after(cart, put("a", 900), now_ms=3)
    assert ids(cart) == ["a", "b"]
    assert cart.entries["a"].price_amount == 900


def test_a_stale_copy_brings_nothing_back_and_loses_nothing() -> None:
    stale = after(EMPTY_CART, put("a"), now_ms=1)
    newer = after(after(stale, put("b"), now_ms=2), take_out("a"), now_ms=3)
    assert ids(merged(stale, newer)) == ["b"]
    changed_stale = after(stale, put("c"), now_ms=4)
    assert ids(merged(changed_stale, newer)) == ["b", "c"]


def test_a_change_in_the_same_millisecond_is_still_younger() -> None:
    cart = after(after(EMPTY_CART, put("a"), now_ms=5), take_out("a"), now_ms=5)
    assert cart.entries["a"].changed_at_ms == 6
    assert ids(merged(after(EMPTY_CART, put("a"), now_ms=5), cart)) == []


def test_a_full_cart_takes_no_more_but_lets_go_and_reprices() -> None:
    cart = after(EMPTY_CART, put("a"), put("b"), now_ms=1, most_items=2)
    with pytest.raises(CartIsFull):
        after(cart, put("c"), now_ms=2, most_items=2)
    assert ids(after(cart, put("a", 1), now_ms=2, most_items=2)) == ["a", "b"]
    assert ids(after(cart, take_out("a"), put("c"), now_ms=2, most_items=2)) == ["b", "c"]
    assert ids(after(cart, take_out("a"), now_ms=2, most_items=1)) == ["b"]


def test_only_the_youngest_things_taken_out_are_remembered() -> None:
    cart = EMPTY_CART
    for number in range(MOST_TAKEN_OUT + 5):
        cart = after(cart, put(f"p{number:03}"), now_ms=number * 2)
        cart = after(cart, take_out(f"p{number:03}"), now_ms=number * 2 + 1)
    assert len(cart.entries) == MOST_TAKEN_OUT
    assert "p004" not in cart.entries
    assert "p005" in cart.entries
