"""A document that cannot be read, or an outbox entry that cannot be published, does not affect others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from libs.chassis import clock, db, metrics, security
from libs.chassis.money import Money
from services.shopping.catalogue import browsing
from services.shopping.catalogue.api import browse_products
from services.shopping.holds import creation, hold_store, settlement
from services.shopping.holds import jobs as hold_jobs
from services.shopping.holds.jobs import settle_holds
from services.shopping.holds.rules import HoldState
from services.shopping.inventory import staff_actions
from services.shopping.inventory.api import list_inventory
from services.shopping.inventory.jobs import publish_due_products
from services.shopping.products import product_store, search_index
from services.shopping.products.jobs import publish_left_over_entries
from services.shopping.products.rules import Product, ProductNotFound
from services.shopping.recommendations import selection
from tests.integration.shopping.conftest import MANAGER, crash_before_commit, id_of, outbox

Maker = Callable[..., Product]
pytestmark = pytest.mark.usefixtures("shopping")


@pytest.fixture(autouse=True)
def as_manager() -> Iterator[None]:
    with security.use_principal(MANAGER):
        yield


def damage(product: Product, **fields: Any) -> None:
    product_store.products_collection().update_one({"_id": product.id}, {"$set": fields})


def omitted(kind: str) -> float:
    return float(metrics.ROWS_OMITTED.labels(kind)._value.get())


@pytest.mark.parametrize(
    "fields",
    [
        {"photos": "none"},
        {"photos": [{"id": "pho_1"}]},
        {"price": {"amount": "x"}},
        {"hold": {"until": None}},
    ],
)
def test_a_broken_product_is_left_out_of_every_list(published: Maker, fields: dict[str, Any]) -> None:
    first, broken, last = published(), published(), published()
    damage(broken, **fields)
    before = omitted("product")
    assert [item["id"] for item in browse_products()["items"]] == [last.id, first.id]
    assert {item["id"] for item in list_inventory()["items"]} == {last.id, first.id}
    with db.unit_of_work(reads_only=True):
        page = selection.recommend(id_of("usr", "buyer"), 10, None)
    assert {first.id, last.id} <= {product.id for product in page["items"]}
    assert omitted("product") > before


def test_paging_continues_after_a_broken_product(published: Maker) -> None:
    products = sorted([published() for _ in range(5)], key=lambda product: product.id)
    for broken in products[1:3]:
        damage(broken, photos="none")
    first = list_inventory(limit=2)
    second = list_inventory(limit=2, cursor=first["next_cursor"])
    shown = [item["id"] for item in first["items"] + second["items"]]
    assert shown == [products[4].id, products[3].id, products[0].id]
    assert second["next_cursor"] is None
    for read in (browsing.get_product, product_store.get_product):
        with pytest.raises(ProductNotFound):
            read(products[1].id)


def test_jobs_continue_after_a_broken_document(published: Maker, draft: Maker) -> None:
    broken, held = published(), published()
    for number, product in enumerate((broken, held)):
        with db.unit_of_work():
            creation.create_hold(id_of("bor", str(number)), id_of("usr", "a"), [product.id])
    hold_store.holds_collection().update_one({"_id": id_of("bor", "0")}, {"$set": {"items": "none"}})
    due = []
    for _ in range(2):
        with db.unit_of_work():
            priced = staff_actions.set_price(draft(), Money(4900, "EUR"))
            due.append(staff_actions.publish(priced, clock.now() + timedelta(minutes=1)))
    damage(due[0], title=None)
    with clock.freeze(clock.now() + timedelta(minutes=16)):
        for _ in range(2):
            with db.unit_of_work():
                settle_holds()
                publish_due_products()
    assert settlement.get_hold(id_of("bor", "1")).state is HoldState.RELEASED
    assert product_store.get_product(held.id).is_available
    assert product_store.get_product(due[1].id).is_available


def test_holds_that_cannot_be_released_do_not_block_later_ones(
    published: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold_jobs, "BATCH_SIZE", 1)
    for number in range(3):
        with db.unit_of_work():
            creation.create_hold(id_of("bor", str(number)), id_of("usr", "a"), [published().id])
    release = settlement.release_if_lapsed

    def fail_for_first_two(order_id: str) -> None:
        if order_id != id_of("bor", "2"):
            raise ValueError(order_id)
        release(order_id)

    monkeypatch.setattr(hold_jobs, "release_if_lapsed", fail_for_first_two)
    with clock.freeze(clock.now() + timedelta(minutes=16)), db.unit_of_work():
        settle_holds()
    assert settlement.get_hold(id_of("bor", "2")).state is HoldState.RELEASED


def test_a_broken_product_does_not_block_the_rebuild_of_others(published: Maker) -> None:
    broken, coat = published(), published()
    for product in (broken, coat):
        damage(product, search_terms=[], terms_version=1)
    damage(broken, description=5)
    reports = {report["product"]: report for report in search_index.rebuild_search_index()}
    assert ("failed" in reports[broken.id], "failed" in reports[coat.id]) == (True, False)
    assert search_index.rebuild_search_index() == []
    assert [item["id"] for item in browse_products(q="coat")["items"]] == [coat.id]


def test_an_entry_that_cannot_be_published_does_not_block_others(draft: Maker) -> None:
    product, other = draft(), draft()
    poison = {"id": "evt_poison", "at": clock.now(), "event_type": "shopping.unknown.v1"}
    product_store.products_collection().update_one({"_id": product.id}, {"$push": {"outbox": poison}})
    for edited in (product, other):
        with crash_before_commit():
            staff_actions.edit(product_store.get_product(edited.id), {"title": "Red coat"})
    for _ in range(2):
        with clock.freeze(clock.now() + timedelta(seconds=30)), db.unit_of_work():
            publish_left_over_entries()
    edits = [entry for entry in outbox("shopping.audit.recorded.v1") if entry["action"] == "edit_product"]
    assert {entry["target"] for entry in edits} == {product.id, other.id}
    stored = product_store.products_collection().find_one({"_id": product.id}) or {}
    assert stored["outbox"] == []
    assert [entry["id"] for entry in stored["failed_outbox"]] == ["evt_poison"]


@pytest.mark.parametrize(
    "poison", [{"id": "evt_1"}, {"at": clock.now() - timedelta(minutes=5)}, {"at": "yesterday", "id": "evt_1"}, {}]
)
def test_an_entry_without_time_or_id_is_moved_to_failed(draft: Maker, poison: dict[str, Any]) -> None:
    product = draft()
    product_store.products_collection().update_one({"_id": product.id}, {"$push": {"outbox": poison}})
    with crash_before_commit():
        staff_actions.edit(product_store.get_product(product.id), {"title": "Red coat"})
    for _ in range(2):
        with clock.freeze(clock.now() + timedelta(seconds=30)), db.unit_of_work():
            publish_left_over_entries()
    stored = product_store.products_collection().find_one({"_id": product.id}) or {}
    assert stored["outbox"] == []
    [failed] = stored["failed_outbox"]
    assert failed.keys() == poison.keys()
    edits = [entry for entry in outbox("shopping.audit.recorded.v1") if entry["action"] == "edit_product"]
    assert [entry["target"] for entry in edits] == [product.id]


@pytest.mark.real_servers
@pytest.mark.parametrize("letter", ["ж", "😀", "\uffff", '"', "\u0001"])
def test_the_longest_texts_of_the_contract_are_stored_and_audited(draft: Maker, letter: str) -> None:
    texts = {
        "title": letter * 120,
        "brand": letter * 80,
        "description": letter * 4000,
        "attributes": {f"{number:02}" + letter * 58: letter * 200 for number in range(30)},
    }
    product = draft(**texts)
    changed = {name: value for name, value in texts.items() if name != "title"}
    with db.unit_of_work():
        edited = staff_actions.edit(product, {**changed, "title": "Coat"})
    assert (edited.title, edited.description) == ("Coat", letter * 4000)
    actions = [entry for entry in outbox("shopping.audit.recorded.v1") if entry["target"] == product.id]
    assert [entry["action"] for entry in actions] == ["create_product", "edit_product"]
    assert actions[1]["after"]["title"] == "Coat"
