"""The cart as its buyer sees it, with all stores available (story b-pr-02)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from libs.chassis import clock, db
from libs.chassis.cache import redis_client
from libs.chassis.inbox import dispatch
from libs.chassis.money import Money
from services.shopping.cart import cart_rows, cart_store, carts
from services.shopping.cart.carts import Cart, CartFull
from services.shopping.cart.tables import CartRow
from services.shopping.events import registry
from services.shopping.holds import creation, settlement
from services.shopping.products import product_store, revision
from services.shopping.products.rules import Product, ProductNotFound, ProductUnavailable
from tests.integration.shopping.conftest import id_of

Maker = Callable[..., Product]
pytestmark = [pytest.mark.usefixtures("provisioned"), pytest.mark.story("b-pr-02")]
ME, OTHER = id_of("usr", "me"), id_of("usr", "other")


def read() -> Cart:
    with db.unit_of_work(reads_only=True):
        return carts.get_cart(ME)


def add(product: Product) -> Cart:
    with db.unit_of_work():
        return carts.add_item(ME, product.id)


def remove(product: Product) -> Cart:
    with db.unit_of_work():
        return carts.remove_item(ME, product.id)


def hold(product: Product, buyer_id: str) -> None:
    with db.unit_of_work():
        creation.create_hold(id_of("bor", product.id), buyer_id, [product.id])


def release(product: Product) -> None:
    """The buyer cancels the order."""
    with db.unit_of_work():
        settlement.release_hold(id_of("bor", product.id))


def order_placed(product: Product) -> dict[str, Any]:
    """The event of the order that holds this product."""
    facts = {"order_id": id_of("bor", product.id), "buyer_id": ME, "product_ids": [product.id]}
    data = facts | {"placed_at": clock.rfc3339(clock.now())}
    event = {"id": f"evt_{product.id}", "type": "customer.buying_order.placed.v1", "source": "x", "subject": "x"}
    return event | {"time": "", "data": data}


def item_states(cart: Cart) -> list[tuple[bool, str | None]]:
    return [(item.available, item.changed) for item in cart.items]


def test_an_empty_cart() -> None:
    empty = read()
    assert (empty.items, empty.total, empty.version, empty.updated_at) == ([], Money(0, "EUR"), 0, None)


def test_adding_and_removing_products_updates_the_total(published: Maker) -> None:
    coat, hat = published(4900), published(900)
    add(coat)
    both = add(hat)
    assert [item.product_id for item in both.items] == [coat.id, hat.id]
    assert (both.total, both.version) == (Money(5800, "EUR"), 2)
    assert read() == both
    left = remove(coat)
    assert [item.product_id for item in left.items] == [hat.id]
    assert left.total == Money(900, "EUR")
    assert remove(coat).version == left.version, "removing a missing product is no change"
    assert add(hat).version == left.version, "adding a product again is no change"


def test_only_products_on_sale_can_be_added(published: Maker, draft: Maker) -> None:
    with pytest.raises(ProductNotFound):
        add(draft())
    taken = published()
    hold(taken, OTHER)
    with pytest.raises(ProductUnavailable) as raised:
        add(taken)
    assert raised.value.extensions == {"unavailable_product_ids": [taken.id]}


def test_the_cart_shows_changes_of_its_products_and_the_current_total(published: Maker) -> None:
    kept, taken, repriced = products = [published(1000) for _ in range(3)]
    for product in products:
        add(product)
    hold(taken, OTHER)
    product_store.change_product(repriced, set_fields={"price": {"amount": 800, "currency": "EUR"}})
    now = read()
    assert item_states(now) == [(True, None), (False, "held"), (True, "repriced")]
    assert now.total == Money(1800, "EUR"), "the current prices of available products"
    accepted = add(product_store.get_product(repriced.id))
    assert item_states(accepted) == [(True, None), (False, "held"), (True, None)], "the buyer accepted the price"
    assert kept.id in {item.product_id for item in now.items}


def test_a_deleted_product_is_shown_as_withdrawn(published: Maker) -> None:
    gone = published(1000)
    add(gone)
    product_store.products_collection().delete_one({"_id": gone.id})
    revision.replace_revision()
    [item] = read().items
    assert (item.available, item.changed, item.price) == (False, "withdrawn", Money(1000, "EUR"))


def test_a_broken_entry_of_a_cart_is_left_out(published: Maker) -> None:
    gone, coat = published(1000), published(4900)
    for product in (gone, coat):
        add(product)
    with db.unit_of_work() as session:
        cart_rows.merge_cart(ME, cart_store.apply_changes(ME))
        row = session.get_one(CartRow, ME)
        row.entries = [[*entry[:4], -5, ""] if entry[0] == gone.id else entry for entry in row.entries]
    product_store.products_collection().delete_one({"_id": gone.id})
    revision.replace_revision()
    redis_client().flushdb()
    now = read()
    assert [item.product_id for item in now.items] == [coat.id]
    assert now.total == Money(4900, "EUR")


def test_a_cart_has_a_limit(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"shopping.cart_max_items": 2, "billing.currency": "EUR"}
    monkeypatch.setattr("services.shopping.cart.cart_store.setting", limits.__getitem__)
    add(published())
    full = add(published())
    with pytest.raises(CartFull):
        add(published())
    assert read() == full


def test_reading_a_cart_takes_one_query(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        add(published())
    queries: list[list[str]] = []
    find = product_store.find_products
    monkeypatch.setattr(product_store, "find_products", lambda ids: find(queries.append(list(ids)) or queries[-1]))
    revision.replace_revision()
    assert len(read().items) == 3
    assert len(queries) == 1
    read()
    assert len(queries) == 1, "no product has changed since"


@pytest.mark.story("b-bu-01")
def test_ordered_products_are_removed_once(published: Maker) -> None:
    ordered, other = published(), published()
    add(ordered)
    add(other)
    hold(ordered, ME)
    event = order_placed(ordered)
    dispatch(registry, event)
    after = read()
    assert [item.product_id for item in after.items] == [other.id]
    add(ordered)
    dispatch(registry, event)
    assert len(read().items) == 2, "a repeated event removes nothing"


def test_a_late_order_event_removes_only_products_that_the_order_still_holds(published: Maker) -> None:
    again, freed, ordered = products = [published() for _ in range(3)]
    for product in products:
        add(product)
        hold(product, ME)
    events = [order_placed(product) for product in products]
    with clock.freeze(clock.now() + timedelta(seconds=1)):
        remove(again)
        add(again)
        release(freed)
        for event in events:
            dispatch(registry, event)
    assert [item.product_id for item in read().items] == [freed.id, again.id]
    assert ordered.id not in {item.product_id for item in read().items}
