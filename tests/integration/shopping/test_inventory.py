"""Drafting, editing, pricing, publishing and withdrawing products on a real document database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from libs.chassis import clock, db, security
from libs.chassis.money import Money
from libs.chassis.problems import Unprocessable
from services.shopping import announcements, catalogue, holds, inventory, product_store
from services.shopping.catalogue import ProductFilter
from services.shopping.products import (
    IllegalTransition,
    Product,
    ProductChangedMeanwhile,
    ProductNotFound,
    ProductState,
)
from tests.integration.shopping.conftest import MANAGER, dying_before_commit, id_of, outbox

Maker = Callable[..., Product]
pytestmark = pytest.mark.usefixtures("shopping")


@pytest.fixture(autouse=True)
def as_manager() -> Iterator[None]:
    with security.use_principal(MANAGER):
        yield


def price(product: Product, amount: int) -> Product:
    with db.unit_of_work():
        return inventory.set_price(product, Money(amount, "EUR"))


def publish(product: Product, **more: object) -> Product:
    with db.unit_of_work():
        return inventory.publish(product, **more)  # type: ignore[arg-type]


@pytest.mark.story("mf-op-01")
def test_a_draft_has_no_price_and_nobody_sees_it(draft: Maker) -> None:
    product = draft()
    assert (product.state, product.price, product.version) == (ProductState.DRAFT, None, 1)
    assert inventory.get_product(product.id).attributes == {"material": "wool"}
    with pytest.raises(ProductNotFound):
        catalogue.get_product(product.id)
    with pytest.raises(IllegalTransition):
        publish(product)
    assert inventory.get_product(product.id).version == 1


def test_the_same_draft_made_twice_is_one_product(draft: Maker) -> None:
    with db.unit_of_work():
        first = inventory.create_draft(id_of("prd", "same"), {"title": "A", **_facts()})
    with db.unit_of_work():
        second = inventory.create_draft(id_of("prd", "same"), {"title": "A", **_facts()})
    assert first.id == second.id
    assert len(inventory.list_inventory(None, 10, None)["items"]) == 1


def _facts() -> dict[str, str]:
    return {"category": "coats", "brand": "B", "colour": "red", "condition": "good"}


@pytest.mark.story("mf-op-02")
def test_an_edit_is_searchable_at_once_and_the_second_editor_is_told(published: Maker) -> None:
    product = published()
    with db.unit_of_work():
        edited = inventory.edit(product, {"title": "Velvet cape", "sizes": [{"system": "UK", "value": "12"}]})
    assert edited.version == product.version + 1
    found = catalogue.browse(ProductFilter(q="capes", size=["uk 12"]), "newest", 10, None)
    assert [item.id for item in found["items"]] == [product.id]
    with pytest.raises(ProductChangedMeanwhile), db.unit_of_work():
        inventory.edit(product, {"title": "Too late"})
    assert inventory.get_product(product.id).title == "Velvet cape"


@pytest.mark.story("d-po-07")
@pytest.mark.story("mf-op-03")
def test_every_price_change_is_announced_with_old_and_new_value(draft: Maker) -> None:
    price(price(draft(), 4900), 3900)
    changes = [entry for entry in outbox("shopping.audit.recorded.v1") if "price" in entry["action"]]
    assert [(entry["before"], entry["after"]) for entry in changes] == [
        ({"price": None}, {"price": {"amount": 4900, "currency": "EUR"}}),
        ({"price": {"amount": 4900, "currency": "EUR"}}, {"price": {"amount": 3900, "currency": "EUR"}}),
    ]
    assert {(entry["actor_id"], tuple(entry["actor_roles"])) for entry in changes} == {
        (id_of("usr", "manager"), ("manager",))
    }


def test_a_price_in_another_currency_is_refused(draft: Maker) -> None:
    with pytest.raises(Unprocessable) as raised, db.unit_of_work():
        inventory.set_price(draft(), Money(100, "USD"))
    assert raised.value.errors == [{"pointer": "/price/currency", "detail": "must be EUR"}]


@pytest.mark.story("d-po-08")
@pytest.mark.story("mf-op-04")
def test_publishing_and_withdrawing_shows_and_hides_and_tells(draft: Maker) -> None:
    product = publish(price(draft(), 4900))
    assert catalogue.get_product(product.id).published_at is not None
    with db.unit_of_work():
        withdrawn = inventory.withdraw(product)
    with pytest.raises(ProductNotFound):
        catalogue.get_product(product.id)
    publish(withdrawn)
    assert [one["product_id"] for one in outbox("shopping.product.published.v1")] == [product.id] * 2
    assert outbox("shopping.product.withdrawn.v1") == [{"product_id": product.id}]
    assert inventory.get_product(product.id).announcements == []


@pytest.mark.story("d-po-08")
def test_a_product_is_published_at_its_time_and_not_before(draft: Maker) -> None:
    soon = clock.now() + timedelta(minutes=5)
    product = publish(price(draft(), 4900), publish_at=soon)
    assert (product.state, product.publish_at) == (ProductState.PRICED, _milliseconds(soon))
    _publish_due()
    assert inventory.get_product(product.id).state is ProductState.PRICED
    with clock.freeze(soon + timedelta(seconds=1)):
        _publish_due()
        _publish_due()
    published = inventory.get_product(product.id)
    assert (published.state, published.publish_at) == (ProductState.PUBLISHED, None)
    assert [one["product_id"] for one in outbox("shopping.product.published.v1")] == [product.id]


def _publish_due() -> None:
    with db.unit_of_work():
        inventory.publish_due()


def _milliseconds(moment: object) -> object:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)  # type: ignore[attr-defined]


def test_a_time_in_the_past_publishes_now(draft: Maker) -> None:
    product = publish(price(draft(), 4900), publish_at=clock.now() - timedelta(days=1))
    assert product.state is ProductState.PUBLISHED


def test_what_a_crash_left_unannounced_is_announced_later_by_the_same_actor(draft: Maker) -> None:
    priced = price(draft(), 4900)
    with dying_before_commit():
        inventory.publish(priced)
    assert outbox("shopping.product.published.v1") == []
    assert inventory.get_product(priced.id).state is ProductState.PUBLISHED
    _announce_left_over()
    assert outbox("shopping.product.published.v1") == [], "the request itself may still be at work"
    with clock.freeze(clock.now() + timedelta(seconds=30)), security.use_principal(None):
        _announce_left_over()
        _announce_left_over()
    assert [one["product_id"] for one in outbox("shopping.product.published.v1")] == [priced.id]
    [entry] = [e for e in outbox("shopping.audit.recorded.v1") if e["action"] == "publish_product"]
    assert entry["actor_id"] == id_of("usr", "manager")


def _announce_left_over() -> None:
    with db.unit_of_work():
        announcements.announce_left_over()


def test_the_inventory_is_listed_by_state_and_page(draft: Maker, published: Maker) -> None:
    drafts = [draft().id for _ in range(3)]
    published()
    first = inventory.list_inventory("draft", 2, None)
    second = inventory.list_inventory("draft", 2, first["next_cursor"])
    listed = [product.id for product in first["items"] + second["items"]]
    assert sorted(listed) == sorted(drafts)
    assert second["next_cursor"] is None
    assert len(inventory.list_inventory(None, 100, None)["items"]) == 4


def test_an_unknown_product_is_not_found() -> None:
    with pytest.raises(ProductNotFound):
        inventory.get_product(id_of("prd", "unknown"))
    assert product_store.find_products([id_of("prd", "unknown")]) == {}


def test_publishing_what_was_held_meanwhile_is_refused(published: Maker) -> None:
    seen = published()
    with db.unit_of_work():
        holds.create_hold(id_of("bor", "1"), id_of("usr", "a"), [seen.id])
    with pytest.raises(IllegalTransition), db.unit_of_work():
        inventory.withdraw(seen)
    with pytest.raises(IllegalTransition), db.unit_of_work():
        inventory.withdraw(inventory.get_product(seen.id))
    with pytest.raises(IllegalTransition), db.unit_of_work():
        inventory.set_price(inventory.get_product(seen.id), Money(1, "EUR"))
    assert inventory.get_product(seen.id).state is ProductState.HELD


@pytest.mark.story("d-po-08")
def test_a_publication_to_come_is_cancelled_by_withdrawing(draft: Maker) -> None:
    product = publish(price(draft(), 4900), publish_at=clock.now() + timedelta(hours=1))
    with security.use_principal(MANAGER), db.unit_of_work():
        cancelled = inventory.withdraw(product)
    assert (cancelled.state, cancelled.publish_at) == (ProductState.PRICED, None)
    entry = outbox("shopping.audit.recorded.v1")[-1]
    assert (entry["action"], entry["after"]) == ("withdraw_product", {"publish_at": None})
    assert entry["before"]["publish_at"] is not None
    with pytest.raises(IllegalTransition), db.unit_of_work():
        inventory.withdraw(cancelled)


@pytest.mark.story("mf-op-05")
def test_a_withdrawn_product_is_resumed_at_its_price_and_nothing_else_is(published: Maker) -> None:
    product = published(4900)
    with security.use_principal(MANAGER), db.unit_of_work():
        with pytest.raises(IllegalTransition):
            inventory.resume(product)
        resumed = inventory.resume(inventory.withdraw(product))
    assert (resumed.state, resumed.price) == (ProductState.PUBLISHED, Money(4900, "EUR"))
    entry = outbox("shopping.audit.recorded.v1")[-1]
    assert (entry["action"], entry["before"], entry["after"]) == (
        "resume_product",
        {"state": "withdrawn"},
        {"state": "published"},
    )
