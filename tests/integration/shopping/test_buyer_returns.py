"""Sold products of cancelled orders and returns (stories rb-c-01, rb-r-po-04, mf-op-05)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from libs.chassis import clock, db
from libs.chassis.events import Event
from libs.chassis.money import Money
from libs.chassis.security import use_principal
from libs.chassis.state_machine import IllegalTransition
from services.shopping.holds import creation, settlement
from services.shopping.inventory import staff_actions
from services.shopping.products import product_store
from services.shopping.products.rules import Product, ProductState
from services.shopping.returns import events
from tests.integration.shopping.conftest import MANAGER, id_of, outbox

Maker = Callable[..., Product]
BUYER, ORDER, OTHER = id_of("usr", "buyer"), id_of("bor", "order"), id_of("bor", "other")
RETURN = id_of("rbo", "return")
pytestmark = pytest.mark.usefixtures("shopping")


@pytest.fixture
def sold(published: Maker) -> Product:
    coat = published()
    sell(coat, ORDER)
    return coat


def sell(coat: Product, order_id: str) -> None:
    with db.unit_of_work():
        creation.create_hold(order_id, BUYER, [coat.id])
    with db.unit_of_work():
        settlement.settle_authorized_payment(order_id, BUYER)


def handle(handler: Callable[[Event], None], **data: Any) -> None:
    with db.unit_of_work():
        handler(Event(f"evt_{id(data)}", "test", "/test", "test", clock.rfc3339(clock.now()) or "", data))


def cancelled(coat: Product, order_id: str = ORDER, before: str = "paid") -> None:
    data = {"order_id": order_id, "product_ids": [coat.id], "missing_product_ids": []}
    handle(events.resell_cancelled_order, **data, state="cancelled", previous_state=before)


def return_changed(
    state: str, *results: tuple[Product, str | None], order_id: str = ORDER, is_force_cancelled: bool = False
) -> None:
    """The return of these products changed its state, with the check result of each."""
    handle(
        events.apply_return,
        return_id=RETURN,
        order_id=order_id,
        state=state,
        product_ids=[product.id for product, _ in results],
        items=[{"product_id": product.id, "result": result} for product, result in results],
        is_force_cancelled=is_force_cancelled,
    )


def read(coat: Product) -> Product:
    return product_store.get_product(coat.id)


def resume(coat: Product) -> Product:
    with db.unit_of_work(), use_principal(MANAGER):
        return staff_actions.resume(read(coat))


@pytest.mark.story("rb-c-01")
def test_products_of_a_cancelled_order_are_sold_again(sold: Product) -> None:
    cancelled(sold, OTHER)
    assert read(sold).state is ProductState.SOLD, "it is sold to another order"
    for _ in range(2):
        cancelled(sold)
    assert (read(sold).state, read(sold).hold) == (ProductState.PUBLISHED, None)
    assert len(outbox("shopping.product.published.v1")) == 2
    sell(sold, OTHER)
    cancelled(sold)
    assert read(sold).state is ProductState.SOLD, "a late event of the first order changes nothing"
    buyers = [event["buying_order_id"] for event in outbox("shopping.product.sold.v1")]
    assert buyers == [ORDER, OTHER]


@pytest.mark.story("mf-op-05")
@pytest.mark.parametrize("is_return", [False, True])
def test_products_outside_the_warehouse_stay_sold_until_staff_resume_them(sold: Product, is_return: bool) -> None:
    for _ in range(2):
        if is_return:
            return_changed("refund_decided", (sold, None), is_force_cancelled=True)
        else:
            data = {"order_id": ORDER, "product_ids": [], "missing_product_ids": [sold.id]}
            handle(events.resell_cancelled_order, state="cancelled", reason="not_picked_up", **data)
        assert read(sold).state is ProductState.SOLD
    assert len(outbox("shopping.product.published.v1")) == 1
    assert resume(sold).state is ProductState.DRAFT


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("result", ["good", "bad"])
def test_a_package_that_is_checked_as_bad_is_recycled_even_if_it_is_on_sale_again(
    sold: Product, missing: bool, result: str
) -> None:
    products = {"product_ids": [] if missing else [sold.id], "missing_product_ids": [sold.id] if missing else []}
    handle(events.resell_cancelled_order, order_id=ORDER, state="cancelled", **products)
    before = read(sold).state
    for _ in range(2):
        package_checked(ORDER, result)
        package_checked(OTHER, result)
    assert read(sold).state is (before if result == "good" else ProductState.RECYCLED)
    withdrawn = outbox("shopping.product.withdrawn.v1")
    assert len(withdrawn) == (result == "bad" and not missing), "published once, and only if it was on sale"


def test_a_product_that_another_buyer_bought_is_not_recycled(sold: Product) -> None:
    cancelled(sold)
    sell(sold, OTHER)
    package_checked(ORDER, "bad")
    assert read(sold).state is ProductState.SOLD


def package_checked(order_id: str, result: str) -> None:
    orders = [{"order_id": order_id, "box_id": None, "tracking_code": None}]
    handle(events.recycle_bad_package, kind="checking", state="done", result=result, orders=orders)


@pytest.mark.story("rb-r-po-04")
def test_a_good_returned_product_is_resumed_as_a_draft_and_sold_again(sold: Product) -> None:
    with pytest.raises(IllegalTransition):
        resume(sold)
    for _ in range(2):
        return_changed("checked_good", (sold, "good"))
    draft = resume(sold)
    assert (draft.state, draft.price, draft.hold, draft.sale_ended_by) == (ProductState.DRAFT, None, None, None)
    with pytest.raises(IllegalTransition):
        resume(sold)
    return_changed("checked_good", (sold, "good"))
    with db.unit_of_work(), use_principal(MANAGER):
        staff_actions.publish(staff_actions.set_price(read(sold), Money(3900, "EUR")))
    sell(sold, OTHER)
    [*_, audit] = [entry for entry in outbox("shopping.audit.recorded.v1") if entry["action"] == "resume_product"]
    price = {"amount": 4900, "currency": "EUR"}
    assert audit["before"] == {"state": "sold", "price": price}
    assert audit["after"] == {"state": "draft", "price": None}
    with pytest.raises(IllegalTransition):
        resume(sold)


def test_a_bad_returned_product_is_recycled_once_the_refund_is_decided(sold: Product) -> None:
    return_changed("checked_bad", (sold, "bad"))
    assert read(sold).state is ProductState.SOLD
    return_changed("refund_decided", (sold, "bad"), order_id=OTHER)
    assert read(sold).state is ProductState.SOLD
    for _ in range(2):
        return_changed("refund_decided", (sold, "bad"))
    assert read(sold).state is ProductState.RECYCLED


@pytest.fixture
def two_sold(published: Maker) -> tuple[Product, Product]:
    coat, hat = published(), published()
    with db.unit_of_work():
        creation.create_hold(ORDER, BUYER, [coat.id, hat.id])
    with db.unit_of_work():
        settlement.settle_authorized_payment(ORDER, BUYER)
    return coat, hat


@pytest.mark.story("rb-r-po-04")
@pytest.mark.parametrize("is_late", [False, True])
def test_good_items_of_a_return_are_resumed_and_bad_ones_recycled(
    two_sold: tuple[Product, Product], is_late: bool
) -> None:
    coat, hat = two_sold
    results = ((coat, "good"), (hat, "bad"))
    if not is_late:
        return_changed("checked_bad", *results)
        assert read(hat).state is ProductState.SOLD, "the refund is not decided yet"
        assert resume(coat).state is ProductState.DRAFT
    for _ in range(2):
        return_changed("refund_decided", *results)
    assert read(hat).state is ProductState.RECYCLED
    if is_late:
        assert resume(coat).state is ProductState.DRAFT
    for _ in range(2):
        return_changed("checked_bad", *results)
    assert read(coat).state is ProductState.DRAFT
    with pytest.raises(IllegalTransition):
        resume(hat)


@pytest.mark.story("mf-bo-03")
@pytest.mark.parametrize("before", ["event received", "event missed", "resumed", "on sale", "sold again"])
@pytest.mark.parametrize("state", ["refund_decided", "completed"])
def test_a_bad_item_of_a_force_cancelled_return_is_recycled(
    two_sold: tuple[Product, Product], before: str, state: str
) -> None:
    coat, hat = two_sold
    if before != "event missed":
        return_changed("refund_decided", (coat, None), (hat, None), is_force_cancelled=True)
    if before not in ("event received", "event missed"):
        resume(hat)
    if before in ("on sale", "sold again"):
        with db.unit_of_work(), use_principal(MANAGER):
            staff_actions.publish(staff_actions.set_price(read(hat), Money(3900, "EUR")))
    if before == "sold again":
        sell(hat, OTHER)
    for _ in range(2):
        return_changed(state, (coat, "good"), (hat, "bad"), is_force_cancelled=True)
    return_changed("refund_decided", (coat, None), (hat, None), is_force_cancelled=True)  # an outdated event
    assert read(hat).state is (ProductState.SOLD if before == "sold again" else ProductState.RECYCLED)
    assert len(outbox("shopping.product.withdrawn.v1")) == (before == "on sale")
    assert resume(coat).state is ProductState.DRAFT


@pytest.mark.story("mf-op-05")
def test_a_withdrawn_product_is_resumed(published: Maker) -> None:
    coat = published()
    with db.unit_of_work(), use_principal(MANAGER):
        staff_actions.withdraw(read(coat))
    assert resume(coat).state is ProductState.PUBLISHED
    assert len(outbox("shopping.product.published.v1")) == 2
    with pytest.raises(IllegalTransition):
        resume(coat)


@pytest.mark.story("b-bu-01")
def test_a_quote_holds_nothing_and_lists_unavailable_products(sold: Product, published: Maker) -> None:
    hat = published(1500)
    quote = creation.quote([sold.id, hat.id, id_of("prd", "unknown")])
    assert [(item.product_id, item.price) for item in quote.items] == [(hat.id, Money(1500, "EUR"))]
    assert quote.unavailable_product_ids == sorted([sold.id, id_of("prd", "unknown")])
    assert read(hat).state is ProductState.PUBLISHED
