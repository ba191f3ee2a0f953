"""Sold products that come back: by a cancelled order, or by a return (stories rb-c-01, rb-r-po-04, mf-op-05)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from libs.chassis import clock, db
from libs.chassis.events import Event
from libs.chassis.money import Money
from libs.chassis.security import use_principal
from services.shopping import events, holds, inventory
from services.shopping.products import IllegalTransition, Product, ProductState
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
        holds.create_hold(order_id, BUYER, [coat.id])
    with db.unit_of_work():
        holds.decide_after_payment(order_id, BUYER)


def tell(handler: Callable[[Event], None], **data: Any) -> None:
    with db.unit_of_work():
        handler(Event(f"evt_{id(data)}", "test", "/test", "test", clock.rfc3339(clock.now()) or "", data))


def cancelled(coat: Product, order_id: str = ORDER, before: str = "paid") -> None:
    facts = {"order_id": order_id, "product_ids": [coat.id], "state": "cancelled", "previous_state": before}
    tell(events.sell_again_what_was_cancelled, **facts)


def returned(coat: Product, state: str, order_id: str = ORDER) -> None:
    tell(events.follow_return, return_id=RETURN, order_id=order_id, product_ids=[coat.id], state=state)


def now(coat: Product) -> Product:
    return inventory.get_product(coat.id)


def resume(coat: Product) -> Product:
    with db.unit_of_work(), use_principal(MANAGER):
        return inventory.resume(now(coat))


@pytest.mark.story("rb-c-01")
def test_products_of_a_cancelled_order_are_on_sale_again_and_sold_once_more(sold: Product) -> None:
    cancelled(sold, OTHER)
    assert now(sold).state is ProductState.SOLD, "of another order"
    for _ in range(2):
        cancelled(sold)
    assert (now(sold).state, now(sold).hold) == (ProductState.PUBLISHED, None)
    assert len(outbox("shopping.product.published.v1")) == 2
    sell(sold, OTHER)
    cancelled(sold)
    assert now(sold).state is ProductState.SOLD, "late news of the first order change nothing"
    buyers = [event["buying_order_id"] for event in outbox("shopping.product.sold.v1")]
    assert buyers == [ORDER, OTHER]


@pytest.mark.story("mf-op-05")
@pytest.mark.parametrize("is_return", [False, True])
def test_what_is_not_in_the_warehouse_is_sold_until_staff_have_it(sold: Product, is_return: bool) -> None:
    for _ in range(2):
        if is_return:
            facts = {"return_id": RETURN, "order_id": ORDER, "product_ids": [sold.id]}
            tell(events.follow_return, state="refund_decided", is_force_cancelled=True, **facts)
        else:
            facts = {"order_id": ORDER, "product_ids": [], "missing_product_ids": [sold.id]}
            tell(events.sell_again_what_was_cancelled, state="cancelled", reason="not_picked_up", **facts)
        assert now(sold).state is ProductState.SOLD
    assert len(outbox("shopping.product.published.v1")) == 1
    assert resume(sold).state is ProductState.DRAFT


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("result", ["good", "bad"])
def test_a_package_that_came_back_bad_is_recycled_though_it_is_on_sale_again(
    sold: Product, missing: bool, result: str
) -> None:
    facts = {"order_id": ORDER, "product_ids": [] if missing else [sold.id]}
    facts["missing_product_ids"] = [sold.id] if missing else []
    tell(events.sell_again_what_was_cancelled, state="cancelled", **facts)
    before = now(sold).state
    for _ in range(2):
        checked(ORDER, result)
        checked(OTHER, result)
    assert now(sold).state is (before if result == "good" else ProductState.RECYCLED)
    withdrawn = outbox("shopping.product.withdrawn.v1")
    assert len(withdrawn) == (result == "bad" and not missing), "told once, and only of what was on sale"


def test_what_another_buyer_bought_since_then_is_left_alone(sold: Product) -> None:
    cancelled(sold)
    sell(sold, OTHER)
    checked(ORDER, "bad")
    assert now(sold).state is ProductState.SOLD


def checked(order_id: str, result: str) -> None:
    orders = [{"order_id": order_id, "box_id": None, "tracking_code": None}]
    facts = {"kind": "checking", "state": "done", "result": result, "orders": orders}
    tell(events.recycle_package_that_came_back_bad, **facts)


@pytest.mark.story("rb-r-po-04")
def test_what_came_back_good_is_resumed_as_a_draft_priced_and_sold_again(sold: Product) -> None:
    with pytest.raises(IllegalTransition):
        resume(sold)
    for _ in range(2):
        returned(sold, "checked_good")
    draft = resume(sold)
    assert (draft.state, draft.price, draft.hold, draft.came_back_with) == (ProductState.DRAFT, None, None, None)
    with pytest.raises(IllegalTransition):
        resume(sold)
    returned(sold, "checked_good")
    with db.unit_of_work(), use_principal(MANAGER):
        inventory.publish(inventory.set_price(now(sold), Money(3900, "EUR")))
    sell(sold, OTHER)
    [*_, audit] = [entry for entry in outbox("shopping.audit.recorded.v1") if entry["action"] == "resume_product"]
    price = {"amount": 4900, "currency": "EUR"}
    assert audit["before"] == {"state": "sold", "price": price}
    assert audit["after"] == {"state": "draft", "price": None}
    with pytest.raises(IllegalTransition):
        resume(sold)


def test_what_came_back_bad_is_recycled_when_the_refund_is_decided(sold: Product) -> None:
    returned(sold, "checked_bad")
    assert now(sold).state is ProductState.SOLD
    returned(sold, "refund_decided", OTHER)
    assert now(sold).state is ProductState.SOLD
    for _ in range(2):
        returned(sold, "refund_decided")
    assert now(sold).state is ProductState.RECYCLED


@pytest.fixture
def two_sold(published: Maker) -> tuple[Product, Product]:
    coat, hat = published(), published()
    with db.unit_of_work():
        holds.create_hold(ORDER, BUYER, [coat.id, hat.id])
    with db.unit_of_work():
        holds.decide_after_payment(ORDER, BUYER)
    return coat, hat


def came_back(state: str, *results: tuple[Product, str | None], **changed: Any) -> None:
    """News of a return, with what the check of each product gave."""
    facts = {"return_id": RETURN, "order_id": ORDER, "product_ids": [product.id for product, _ in results]}
    items = [{"product_id": product.id, "result": result} for product, result in results]
    tell(events.follow_return, **facts, state=state, items=items, **changed)


@pytest.mark.story("rb-r-po-04")
@pytest.mark.parametrize("is_late", [False, True])
def test_of_a_return_what_is_good_is_resumed_and_what_is_bad_recycled(
    two_sold: tuple[Product, Product], is_late: bool
) -> None:
    coat, hat = two_sold
    results = ((coat, "good"), (hat, "bad"))
    if not is_late:
        came_back("checked_bad", *results)
        assert now(hat).state is ProductState.SOLD, "nothing is agreed yet"
        assert resume(coat).state is ProductState.DRAFT
    for _ in range(2):
        came_back("refund_decided", *results)
    assert now(hat).state is ProductState.RECYCLED
    if is_late:
        assert resume(coat).state is ProductState.DRAFT
    for _ in range(2):
        came_back("checked_bad", *results)
    assert now(coat).state is ProductState.DRAFT
    with pytest.raises(IllegalTransition):
        resume(hat)


@pytest.mark.story("mf-bo-03")
@pytest.mark.parametrize("before", ["known", "unknown", "resumed", "on sale", "sold again"])
@pytest.mark.parametrize("state", ["refund_decided", "completed"])
def test_what_is_found_bad_after_its_return_was_given_up_is_recycled(
    two_sold: tuple[Product, Product], before: str, state: str
) -> None:
    coat, hat = two_sold
    if before != "unknown":
        came_back("refund_decided", (coat, None), (hat, None), is_force_cancelled=True)
    if before not in ("known", "unknown"):
        resume(hat)
    if before in ("on sale", "sold again"):
        with db.unit_of_work(), use_principal(MANAGER):
            inventory.publish(inventory.set_price(now(hat), Money(3900, "EUR")))
    if before == "sold again":
        sell(hat, OTHER)
    for _ in range(2):
        came_back(state, (coat, "good"), (hat, "bad"), is_force_cancelled=True)
    came_back("refund_decided", (coat, None), (hat, None), is_force_cancelled=True)  # older news
    assert now(hat).state is (ProductState.SOLD if before == "sold again" else ProductState.RECYCLED)
    assert len(outbox("shopping.product.withdrawn.v1")) == (before == "on sale")
    assert resume(coat).state is ProductState.DRAFT


@pytest.mark.story("mf-op-05")
def test_a_withdrawn_product_is_resumed(published: Maker) -> None:
    coat = published()
    with db.unit_of_work(), use_principal(MANAGER):
        inventory.withdraw(now(coat))
    assert resume(coat).state is ProductState.PUBLISHED
    assert len(outbox("shopping.product.published.v1")) == 2
    with pytest.raises(IllegalTransition):
        resume(coat)


@pytest.mark.story("b-bu-01")
def test_a_quote_holds_nothing_and_names_what_is_gone(sold: Product, published: Maker) -> None:
    hat = published(1500)
    quote = holds.quote([sold.id, hat.id, id_of("prd", "never there")])
    assert [(item.product_id, item.price) for item in quote.items] == [(hat.id, Money(1500, "EUR"))]
    assert quote.gone == sorted([sold.id, id_of("prd", "never there")])
    assert now(hat).state is ProductState.PUBLISHED
