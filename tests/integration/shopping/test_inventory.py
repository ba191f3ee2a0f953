"""Creating, editing, pricing, publishing and withdrawing products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from libs.chassis import clock, db, security
from libs.chassis.money import Money
from libs.chassis.problems import Unprocessable
from libs.chassis.state_machine import IllegalTransition
from services.shopping.catalogue import browsing
from services.shopping.catalogue.browsing import ProductFilter
from services.shopping.holds import creation
from services.shopping.inventory import staff_actions
from services.shopping.inventory.jobs import publish_due_products
from services.shopping.products import product_store
from services.shopping.products.jobs import publish_left_over_entries
from services.shopping.products.rules import (
    Product,
    ProductChangedConcurrently,
    ProductNotFound,
    ProductState,
)
from tests.integration.shopping.conftest import MANAGER, crash_before_commit, id_of, outbox

Maker = Callable[..., Product]
pytestmark = pytest.mark.usefixtures("shopping")


@pytest.fixture(autouse=True)
def as_manager() -> Iterator[None]:
    with security.use_principal(MANAGER):
        yield


def price(product: Product, amount: int) -> Product:
    with db.unit_of_work():
        return staff_actions.set_price(product, Money(amount, "EUR"))


def publish(product: Product, **more: object) -> Product:
    with db.unit_of_work():
        return staff_actions.publish(product, **more)  # type: ignore[arg-type]


@pytest.mark.story("mf-op-01")
def test_a_draft_has_no_price_and_is_not_public(draft: Maker) -> None:
    product = draft()
    assert (product.state, product.price, product.version) == (ProductState.DRAFT, None, 1)
    assert product_store.get_product(product.id).attributes == {"material": "wool"}
    with pytest.raises(ProductNotFound):
        browsing.get_product(product.id)
    with pytest.raises(IllegalTransition):
        publish(product)
    assert product_store.get_product(product.id).version == 1


def test_a_repeated_creation_returns_the_same_product(draft: Maker) -> None:
    with db.unit_of_work():
        first = staff_actions.create_draft(id_of("prd", "same"), {"title": "A", **_facts()})
    with db.unit_of_work():
        second = staff_actions.create_draft(id_of("prd", "same"), {"title": "A", **_facts()})
    assert first.id == second.id
    assert len(staff_actions.list_inventory(None, 10, None)["items"]) == 1


def _facts() -> dict[str, str]:
    return {"category": "coats", "brand": "B", "colour": "red", "condition": "good"}


@pytest.mark.story("mf-op-02")
def test_an_edit_is_searchable_immediately_and_a_concurrent_edit_is_rejected(published: Maker) -> None:
    product = published()
    with db.unit_of_work():
        edited = staff_actions.edit(product, {"title": "Velvet cape", "sizes": [{"system": "UK", "value": "12"}]})
    assert edited.version == product.version + 1
    page = browsing.browse(ProductFilter(q="capes", size=["uk 12"]), "newest", 10, None)
    assert [item.id for item in page["items"]] == [product.id]
    with pytest.raises(ProductChangedConcurrently), db.unit_of_work():
        staff_actions.edit(product, {"title": "Too late"})
    assert product_store.get_product(product.id).title == "Velvet cape"


@pytest.mark.story("d-po-07")
@pytest.mark.story("mf-op-03")
def test_every_price_change_is_audited_with_old_and_new_value(draft: Maker) -> None:
    price(price(draft(), 4900), 3900)
    changes = [entry for entry in outbox("shopping.audit.recorded.v1") if "price" in entry["action"]]
    assert [(entry["before"], entry["after"]) for entry in changes] == [
        ({"price": None}, {"price": {"amount": 4900, "currency": "EUR"}}),
        ({"price": {"amount": 4900, "currency": "EUR"}}, {"price": {"amount": 3900, "currency": "EUR"}}),
    ]
    assert {(entry["actor_id"], tuple(entry["actor_roles"])) for entry in changes} == {
        (id_of("usr", "manager"), ("manager",))
    }


def test_a_price_in_another_currency_is_rejected(draft: Maker) -> None:
    with pytest.raises(Unprocessable) as raised, db.unit_of_work():
        staff_actions.set_price(draft(), Money(100, "USD"))
    assert raised.value.errors == [{"pointer": "/price/currency", "detail": "must be EUR"}]


@pytest.mark.story("d-po-08")
@pytest.mark.story("mf-op-04")
def test_publishing_and_withdrawing_change_visibility_and_publish_events(draft: Maker) -> None:
    product = publish(price(draft(), 4900))
    assert browsing.get_product(product.id).published_at is not None
    with db.unit_of_work():
        withdrawn = staff_actions.withdraw(product)
    with pytest.raises(ProductNotFound):
        browsing.get_product(product.id)
    publish(withdrawn)
    assert [data["product_id"] for data in outbox("shopping.product.published.v1")] == [product.id] * 2
    assert outbox("shopping.product.withdrawn.v1") == [{"product_id": product.id}]
    assert product_store.get_product(product.id).outbox == []


@pytest.mark.story("d-po-08")
def test_a_scheduled_product_is_published_when_due(draft: Maker) -> None:
    soon = clock.now() + timedelta(minutes=5)
    product = publish(price(draft(), 4900), publish_at=soon)
    assert (product.state, product.publish_at) == (ProductState.PRICED, _milliseconds(soon))
    run_publish_due_products()
    assert product_store.get_product(product.id).state is ProductState.PRICED
    with clock.freeze(soon + timedelta(seconds=1)):
        run_publish_due_products()
        run_publish_due_products()
    published = product_store.get_product(product.id)
    assert (published.state, published.publish_at) == (ProductState.PUBLISHED, None)
    assert [data["product_id"] for data in outbox("shopping.product.published.v1")] == [product.id]


def run_publish_due_products() -> None:
    with db.unit_of_work():
        publish_due_products()


def _milliseconds(time: object) -> object:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)  # type: ignore[attr-defined]


def test_a_time_in_the_past_publishes_now(draft: Maker) -> None:
    product = publish(price(draft(), 4900), publish_at=clock.now() - timedelta(days=1))
    assert product.state is ProductState.PUBLISHED


def test_entries_left_over_by_a_crash_are_published_later_for_the_same_actor(draft: Maker) -> None:
    priced = price(draft(), 4900)
    with crash_before_commit():
        staff_actions.publish(priced)
    assert outbox("shopping.product.published.v1") == []
    assert product_store.get_product(priced.id).state is ProductState.PUBLISHED
    run_publish_left_over_entries()
    assert outbox("shopping.product.published.v1") == [], "the request may still be running"
    with clock.freeze(clock.now() + timedelta(seconds=30)), security.use_principal(None):
        run_publish_left_over_entries()
        run_publish_left_over_entries()
    assert [data["product_id"] for data in outbox("shopping.product.published.v1")] == [priced.id]
    [entry] = [e for e in outbox("shopping.audit.recorded.v1") if e["action"] == "publish_product"]
    assert entry["actor_id"] == id_of("usr", "manager")


def run_publish_left_over_entries() -> None:
    with db.unit_of_work():
        publish_left_over_entries()


def test_the_inventory_is_listed_by_state_and_page(draft: Maker, published: Maker) -> None:
    drafts = [draft().id for _ in range(3)]
    published()
    first = staff_actions.list_inventory("draft", 2, None)
    second = staff_actions.list_inventory("draft", 2, first["next_cursor"])
    listed = [product.id for product in first["items"] + second["items"]]
    assert sorted(listed) == sorted(drafts)
    assert second["next_cursor"] is None
    assert len(staff_actions.list_inventory(None, 100, None)["items"]) == 4


def test_an_unknown_product_is_not_found() -> None:
    with pytest.raises(ProductNotFound):
        product_store.get_product(id_of("prd", "unknown"))
    assert product_store.find_products([id_of("prd", "unknown")]) == {}


def test_a_product_that_was_held_concurrently_cannot_be_changed(published: Maker) -> None:
    seen = published()
    with db.unit_of_work():
        creation.create_hold(id_of("bor", "1"), id_of("usr", "a"), [seen.id])
    with pytest.raises(IllegalTransition), db.unit_of_work():
        staff_actions.withdraw(seen)
    with pytest.raises(IllegalTransition), db.unit_of_work():
        staff_actions.withdraw(product_store.get_product(seen.id))
    with pytest.raises(IllegalTransition), db.unit_of_work():
        staff_actions.set_price(product_store.get_product(seen.id), Money(1, "EUR"))
    assert product_store.get_product(seen.id).state is ProductState.HELD


@pytest.mark.story("d-po-08")
def test_withdrawing_cancels_a_scheduled_publication(draft: Maker) -> None:
    product = publish(price(draft(), 4900), publish_at=clock.now() + timedelta(hours=1))
    with security.use_principal(MANAGER), db.unit_of_work():
        cancelled = staff_actions.withdraw(product)
    assert (cancelled.state, cancelled.publish_at) == (ProductState.PRICED, None)
    entry = outbox("shopping.audit.recorded.v1")[-1]
    assert (entry["action"], entry["after"]) == ("withdraw_product", {"publish_at": None})
    assert entry["before"]["publish_at"] is not None
    with pytest.raises(IllegalTransition), db.unit_of_work():
        staff_actions.withdraw(cancelled)


@pytest.mark.story("mf-op-05")
def test_only_a_withdrawn_product_is_resumed_at_its_price(published: Maker) -> None:
    product = published(4900)
    with security.use_principal(MANAGER), db.unit_of_work():
        with pytest.raises(IllegalTransition):
            staff_actions.resume(product)
        resumed = staff_actions.resume(staff_actions.withdraw(product))
    assert (resumed.state, resumed.price) == (ProductState.PUBLISHED, Money(4900, "EUR"))
    entry = outbox("shopping.audit.recorded.v1")[-1]
    assert (entry["action"], entry["before"], entry["after"]) == (
        "resume_product",
        {"state": "withdrawn"},
        {"state": "published"},
    )
