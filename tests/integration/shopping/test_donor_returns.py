"""Products of donations: events for the donor, and returns to the donor (d-po-06, d-po-10, rd-r-re-01)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from libs.chassis import consistency, db
from libs.chassis.money import Money
from libs.chassis.security import use_principal
from services.shopping.events import registry
from services.shopping.holds import creation, settlement
from services.shopping.inventory import staff_actions
from services.shopping.products import product_store
from services.shopping.products.rules import ItemHasProduct, Product, ProductState, ProductUnavailable
from services.shopping.returns import donor_returns
from tests.integration.shopping.conftest import FACTS, MANAGER, id_of, outbox

ORDER = id_of("dor", "donation")
RETURN = id_of("rdo", "return")
BUYER, BUYING_ORDER = id_of("usr", "buyer"), id_of("bor", "order")


def donation(item: str = "coat") -> dict[str, str]:
    return {"order_id": ORDER, "item_id": id_of("dit", item)}


def published(name: str = "coat", price: int = 4900) -> Product:
    with db.unit_of_work(), use_principal(MANAGER):
        draft = staff_actions.create_draft(id_of("prd", name), FACTS | {"donation": donation(name)})
        return staff_actions.publish(staff_actions.set_price(draft, Money(price, "EUR")))


def state_of(name: str) -> ProductState:
    return product_store.get_product(id_of("prd", name)).state


@pytest.fixture
def claim(shopping: object) -> Callable[[], None]:
    def run() -> None:
        with db.unit_of_work():
            donor_returns.claim_donation(RETURN, ORDER)

    return run


def test_events_carry_the_donation(shopping: object) -> None:
    coat = published()
    assert coat.donation == donation()
    assert outbox("shopping.product.published.v1") == [
        {"product_id": coat.id, "title": "Navy wool coat", "donation": donation()}
    ]
    with db.unit_of_work():
        creation.create_hold(BUYING_ORDER, BUYER, [coat.id])
    with db.unit_of_work():
        settlement.settle_authorized_payment(BUYING_ORDER, BUYER)
    [sold] = outbox("shopping.product.sold.v1")
    assert (sold["donation"], sold["price"]) == (donation(), {"amount": 4900, "currency": "EUR"})


def test_a_donated_item_becomes_one_product(shopping: object) -> None:
    published()
    with db.unit_of_work(), use_principal(MANAGER), pytest.raises(ItemHasProduct):
        staff_actions.create_draft(id_of("prd", "again"), FACTS | {"donation": donation()})


def test_a_claim_takes_all_products_off_sale_once(claim: Callable[[], None]) -> None:
    published("coat")
    published("shirt")
    claim()
    claim()
    assert (state_of("coat"), state_of("shirt")) == (ProductState.RETURNED, ProductState.RETURNED)
    assert len(outbox("shopping.product.withdrawn.v1")) == 2
    with db.unit_of_work(), pytest.raises(ProductUnavailable):
        creation.create_hold(BUYING_ORDER, BUYER, [id_of("prd", "coat")])


def test_a_claim_fails_as_a_whole_when_a_buyer_has_a_product(claim: Callable[[], None]) -> None:
    names = sorted(("coat", "shirt"), key=lambda name: id_of("prd", name))
    for name in names:
        published(name)
    with db.unit_of_work():
        creation.create_hold(BUYING_ORDER, BUYER, [id_of("prd", names[-1])])
    with pytest.raises(donor_returns.ProductSold):
        claim()
    assert [state_of(name) for name in names] == [ProductState.PUBLISHED, ProductState.HELD]
    assert donor_returns.list_products_of_donation(ORDER)[0].is_available


def test_a_completely_recycled_donation_cannot_be_returned(claim: Callable[[], None]) -> None:
    for name in ("coat", "shirt"):
        published(name)
    for name in ("coat", "shirt"):
        assert state_of(name) is ProductState.PUBLISHED
        recycled = {"$set": {"state": str(ProductState.RECYCLED)}}
        product_store.products_collection().update_one({"_id": id_of("prd", name)}, recycled)
        if name == "coat":
            claim()
            assert state_of("shirt") is ProductState.RETURNED
            with db.unit_of_work():
                donor_returns.release_claim(RETURN)
    with pytest.raises(donor_returns.ProductsRecycled):
        claim()


def test_a_donation_without_products_can_be_returned(claim: Callable[[], None]) -> None:
    claim()


def test_the_state_of_a_donation_lists_its_public_products(shopping: object) -> None:
    coat, shirt = published("coat"), published("shirt")
    with db.unit_of_work(), use_principal(MANAGER):
        staff_actions.create_draft(id_of("prd", "hat"), FACTS | {"donation": donation("hat")})
    with db.unit_of_work():
        creation.create_hold(BUYING_ORDER, BUYER, [coat.id])
    with db.unit_of_work():
        settlement.settle_authorized_payment(BUYING_ORDER, BUYER)
    [sold] = outbox("shopping.product.sold.v1")
    [described, unknown] = consistency.describe_states(registry, [ORDER, id_of("dor", "other")])["items"]
    assert (described["knowledge"], unknown["knowledge"]) == ("known", "unknown")
    events = {(event["type"], event["subject"]): event["data"] for event in described["events"]}
    assert events.keys() == {
        ("shopping.product.published.v1", coat.id),
        ("shopping.product.published.v1", shirt.id),
        ("shopping.product.sold.v1", coat.id),
    }
    assert events["shopping.product.sold.v1", coat.id] == sold
