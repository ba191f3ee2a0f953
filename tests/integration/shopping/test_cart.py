"""The cart as its buyer sees it (story b-pr-02), with all stores up."""

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


def put(product: Product) -> Cart:
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


def placed(product: Product) -> dict[str, Any]:
    """The event of the order that holds this product."""
    facts = {"order_id": id_of("bor", product.id), "buyer_id": ME, "product_ids": [product.id]}
    data = facts | {"placed_at": clock.rfc3339(clock.now())}
    event = {"id": f"evt_{product.id}", "type": "customer.buying_order.placed.v1", "source": "x", "subject": "x"}
    return event | {"time": "", "data": data}


def what_changed(cart_read: Cart) -> list[tuple[bool, str | None]]:
    return [(item.available, item.changed) for item in cart_read.items]


def test_an_empty_cart() -> None:
    empty = read()
    assert (empty.items, empty.total, empty.version, empty.updated_at) == ([], Money(0, "EUR"), 0, None)


def test_putting_in_and_taking_out_shows_the_total_at_once(published: Maker) -> None:
    coat, hat = published(4900), published(900)
    put(coat)
    both = put(hat)
    assert [item.product_id for item in both.items] == [coat.id, hat.id]
    assert (both.total, both.version) == (Money(5800, "EUR"), 2)
    assert read() == both
    left = remove(coat)
    assert [item.product_id for item in left.items] == [hat.id]
    assert left.total == Money(900, "EUR")
    assert remove(coat).version == left.version, "taking out what is not in is no change"
    assert put(hat).version == left.version, "putting in what is in is no change"


def test_only_what_is_on_sale_can_be_put_in(published: Maker, draft: Maker) -> None:
    with pytest.raises(ProductNotFound):
        put(draft())
    taken = published()
    hold(taken, OTHER)
    with pytest.raises(ProductUnavailable) as raised:
        put(taken)
    assert raised.value.extensions == {"unavailable_product_ids": [taken.id]}


def test_the_cart_shows_what_became_of_its_products_and_todays_total(published: Maker) -> None:
    kept, taken, repriced = products = [published(1000) for _ in range(3)]
    for product in products:
        put(product)
    hold(taken, OTHER)
    product_store.change_product(repriced, set_fields={"price": {"amount": 800, "currency": "EUR"}})
    now = read()
    assert what_changed(now) == [(True, None), (False, "held"), (True, "repriced")]
    assert now.total == Money(1800, "EUR"), "the price of today, of what can still be had"
    accepted = put(product_store.get_product(repriced.id))
    assert what_changed(accepted) == [(True, None), (False, "held"), (True, None)], "the buyer accepts it"
    assert kept.id in {item.product_id for item in now.items}


def test_a_product_that_vanished_is_shown_as_withdrawn(published: Maker) -> None:
    gone = published(1000)
    put(gone)
    product_store.products_collection().delete_one({"_id": gone.id})
    revision.replace_revision()
    [item] = read().items
    assert (item.available, item.changed, item.price) == (False, "withdrawn", Money(1000, "EUR"))


def test_a_broken_row_of_a_cart_is_left_out(published: Maker) -> None:
    gone, coat = published(1000), published(4900)
    for product in (gone, coat):
        put(product)
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
    put(published())
    full = put(published())
    with pytest.raises(CartFull):
        put(published())
    assert read() == full


def test_reading_asks_for_all_products_in_one_query(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        put(published())
    asked: list[list[str]] = []
    find = product_store.find_products
    monkeypatch.setattr(product_store, "find_products", lambda ids: find(asked.append(list(ids)) or asked[-1]))
    revision.replace_revision()
    assert len(read().items) == 3
    assert len(asked) == 1
    read()
    assert len(asked) == 1, "no product has changed since"


@pytest.mark.story("b-bu-01")
def test_what_was_ordered_leaves_the_cart_once(published: Maker) -> None:
    ordered, other = published(), published()
    put(ordered)
    put(other)
    hold(ordered, ME)
    event = placed(ordered)
    dispatch(registry, event)
    after = read()
    assert [item.product_id for item in after.items] == [other.id]
    put(ordered)
    dispatch(registry, event)
    assert len(read().items) == 2, "the same event again takes nothing out"


def test_an_order_that_is_heard_of_late_takes_out_only_what_it_is_for(published: Maker) -> None:
    again, freed, ordered = products = [published() for _ in range(3)]
    for product in products:
        put(product)
        hold(product, ME)
    events = [placed(product) for product in products]
    with clock.freeze(clock.now() + timedelta(seconds=1)):
        remove(again)
        put(again)
        release(freed)
        for event in events:
            dispatch(registry, event)
    assert [item.product_id for item in read().items] == [freed.id, again.id]
    assert ordered.id not in {item.product_id for item in read().items}
