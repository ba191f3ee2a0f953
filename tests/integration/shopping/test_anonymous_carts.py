"""Carts of visitors: identified by a token, merged at log-in, and deleted after a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from sqlalchemy import select

from libs.chassis import clock, db, security
from libs.chassis.money import Money
from services.shopping.cart import anonymous_carts, cart_rows, cart_store, carts
from services.shopping.cart.tables import CartRow
from services.shopping.holds import creation
from services.shopping.inventory import staff_actions
from services.shopping.products import product_store
from services.shopping.products.rules import Product
from services.shopping.settings import ShoppingSettings
from tests.integration.shopping.conftest import MANAGER, id_of

Maker = Callable[..., Product]
pytestmark = [pytest.mark.usefixtures("provisioned"), pytest.mark.story("b-pr-02")]
BUYER = id_of("usr", "buyer")


def start_cart_with(*products: Product) -> str:
    """The token of a new cart with these products."""
    token = anonymous_carts.start().cart_token
    for product in products:
        add(anonymous_carts.derive_cart_id(token), product)
    return token


def add(cart_id: str, product: Product) -> None:
    with db.unit_of_work():
        carts.add_item(cart_id, product.id)


def merge(token: str) -> anonymous_carts.MergedCart:
    with db.unit_of_work():
        return anonymous_carts.merge_into(BUYER, token)


def get_product_ids(cart_id: str) -> list[str]:
    with db.unit_of_work():
        return [item.product_id for item in carts.get_cart(cart_id).items]


def test_the_visitors_products_are_merged_once(published: Maker) -> None:
    own, both, new = published(), published(), published()
    add(BUYER, own)
    add(BUYER, both)
    token = start_cart_with(both, new)
    merged = merge(token)
    assert [item.product_id for item in merged.cart.items] == [own.id, both.id, new.id]
    assert merged.not_merged_product_ids == []
    assert get_product_ids(anonymous_carts.derive_cart_id(token)) == []
    again = merge(token)
    assert (again.cart.version, len(again.cart.items)) == (merged.cart.version, 3)


def test_merged_products_keep_the_price_that_the_visitor_saw(published: Maker) -> None:
    repriced, sold = published(4900), published(2000)
    token = start_cart_with(repriced, sold)
    with security.use_principal(MANAGER), db.unit_of_work():
        staff_actions.set_price(product_store.get_product(repriced.id), Money(3900, "EUR"))
    with db.unit_of_work():
        creation.create_hold(id_of("bor", "1"), id_of("usr", "other"), [sold.id])
    changes = {item.product_id: (item.changed, item.price.amount) for item in merge(token).cart.items}
    assert changes == {repriced.id: ("repriced", 3900), sold.id: ("held", 2000)}


def test_products_beyond_the_limit_stay_in_the_anonymous_cart(
    published: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, first, second = published(), published(), published()
    token = start_cart_with(first, second)
    add(BUYER, own)
    for module in (anonymous_carts, cart_store):
        monkeypatch.setattr(module, "setting", lambda name: 2)
    merged = merge(token)
    assert [item.product_id for item in merged.cart.items] == [own.id, first.id]
    assert merged.not_merged_product_ids == [second.id]
    assert get_product_ids(anonymous_carts.derive_cart_id(token)) == [second.id]


def test_a_token_is_not_stored(published: Maker, shopping: ShoppingSettings) -> None:
    token = start_cart_with(published())
    with db.unit_of_work():
        cart_store.resend_unsaved_carts()
    cache = redis.Redis.from_url(str(shopping.redis_url))
    names = [name.decode() for name in cache.scan_iter()]
    assert f"cart:{anonymous_carts.derive_cart_id(token)}" in names
    assert not [name for name in names if token in name]
    assert token not in anonymous_carts.derive_cart_id(token)


def test_each_token_has_its_own_cart(published: Maker) -> None:
    token = start_cart_with(published())
    other = anonymous_carts.start().cart_token
    assert len(other) == len(token) == 47
    assert other != token
    assert get_product_ids(anonymous_carts.derive_cart_id(other)) == []


@pytest.mark.real_servers
def test_only_anonymous_carts_expire(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    coat = published()
    token = start_cart_with(coat)
    add(BUYER, coat)
    visitor_id = anonymous_carts.derive_cart_id(token)
    for cart_id in (visitor_id, BUYER):
        with db.unit_of_work():
            cart_rows.merge_cart(cart_id, cart_store.apply_changes(cart_id))
    with db.unit_of_work():
        anonymous_carts.delete_expired()
    assert list_saved_carts() == {visitor_id, BUYER}
    later = clock.now() + anonymous_carts.KEPT_UNCHANGED + timedelta(minutes=1)
    monkeypatch.setattr(anonymous_carts.clock, "now", lambda: later)
    with db.unit_of_work():
        anonymous_carts.delete_expired()
    assert list_saved_carts() == {BUYER}


def list_saved_carts() -> set[str]:
    """The ids of the carts in the database."""
    with db.unit_of_work(reads_only=True) as session:
        return set(session.scalars(select(CartRow.customer_id)))
