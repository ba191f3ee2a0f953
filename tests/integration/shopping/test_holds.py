"""Holds of unique products: one buyer each, sold once or released, despite crashes and repeated events."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest

from libs.chassis import clock, db
from libs.chassis.inbox import dispatch
from libs.chassis.money import Money
from services.shopping.events import registry
from services.shopping.holds import creation, hold_store, settlement
from services.shopping.holds.jobs import settle_holds
from services.shopping.holds.rules import (
    HeldItem,
    Hold,
    HoldEnded,
    HoldMismatch,
    HoldNotFound,
    HoldSold,
    HoldState,
    ReleaseReason,
)
from services.shopping.products import product_store
from services.shopping.products.rules import Product, ProductState, ProductUnavailable
from tests.integration.shopping.conftest import crash_before_commit, id_of, outbox

Maker = Callable[..., Product]
pytestmark = pytest.mark.usefixtures("shopping")
SOLD, RELEASED = "shopping.hold.sold.v1", "shopping.hold.released.v1"


@pytest.fixture
def after_expiry() -> Iterator[None]:
    with clock.freeze(clock.now() + timedelta(minutes=16)):
        yield


def hold(order_id: str, *products: Product, buyer_id: str = id_of("usr", "a")) -> Hold:
    with db.unit_of_work():
        return creation.create_hold(order_id, buyer_id, [product.id for product in products])


def release(order_id: str) -> None:
    with db.unit_of_work():
        settlement.release_hold(order_id)


def run_job() -> None:
    with db.unit_of_work():
        settle_holds()


def payment_authorized(order_id: str, event_id: str = "evt_1") -> None:
    data = {
        "payment_id": id_of("pay", "1"),
        "order_id": order_id,
        "buyer_id": id_of("usr", "a"),
        "amount": {"amount": 1, "currency": "EUR"},
    }
    event = {"source": "/reclothes/billing", "subject": id_of("pay", "1"), "time": "", "data": data}
    dispatch(registry, {"id": event_id, "type": "billing.payment.authorized.v1", **event})


def state(product: Product) -> str:
    return str(product_store.get_product(product.id).state)


def event_data(order_id: str, products: list[Product], **more: str) -> dict[str, object]:
    ids = [product.id for product in products]
    return {"order_id": order_id, "buyer_id": id_of("usr", "a"), "product_ids": ids, **more}


@pytest.mark.story("b-bu-03")
def test_a_hold_keeps_all_products_for_the_order_until_its_deadline(published: Maker) -> None:
    coat, hat = published(4900), published(900)
    held = hold(id_of("bor", "1"), coat, hat)
    assert (held.state, held.total) == (HoldState.ACTIVE, Money(5800, "EUR"))
    assert [item.product_id for item in held.items] == [coat.id, hat.id]
    assert timedelta(minutes=14) < held.until - clock.now() <= timedelta(minutes=15)
    assert (state(coat), state(hat)) == ("held", "held")
    assert product_store.get_product(coat.id).belongs_to(id_of("usr", "a"))


def test_a_repeated_request_returns_the_same_hold(published: Maker) -> None:
    coat = published()
    first = hold(id_of("bor", "1"), coat)
    again = hold(id_of("bor", "1"), coat)
    assert (again.items, again.state) == (first.items, first.state)
    with pytest.raises(HoldMismatch):
        hold(id_of("bor", "1"), coat, published())
    with pytest.raises(HoldMismatch):
        hold(id_of("bor", "1"), coat, buyer_id=id_of("usr", "b"))


def test_the_error_names_the_own_unpaid_order_that_holds_the_products(published: Maker) -> None:
    mine, too, theirs = published(), published(), published()
    hold(id_of("bor", "1"), mine, too)
    hold(id_of("bor", "2"), theirs, buyer_id=id_of("usr", "b"))
    for selection in ([mine], [too, mine]):
        with pytest.raises(ProductUnavailable) as raised:
            hold(id_of("bor", "3"), *selection)
        assert f"Your own order {id_of('bor', '1')} holds it" in raised.value.detail
    for selection in ([theirs], [mine, theirs]):
        with pytest.raises(ProductUnavailable) as raised:
            hold(id_of("bor", "4"), *selection)
        assert "Another buyer" in raised.value.detail


def test_a_hold_is_all_or_nothing_and_lists_unavailable_products(published: Maker, draft: Maker) -> None:
    taken, free, unpriced = published(), published(), draft()
    hold(id_of("bor", "1"), taken)
    with pytest.raises(ProductUnavailable) as raised:
        hold(id_of("bor", "2"), free, taken, unpriced)
    assert set(raised.value.extensions["unavailable_product_ids"]) == {taken.id, unpriced.id}
    assert state(free) == "published"
    hold(id_of("bor", "3"), free)


def test_losing_one_claim_releases_all_claimed_products(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    products = sorted([published(), published()], key=lambda product: product.id)
    find = product_store.find_products
    rival = Hold(
        id_of("bor", "rival"),
        id_of("usr", "b"),
        HoldState.ACTIVE,
        clock.now() + timedelta(minutes=5),
        [_item(products[1])],
    )
    hold_store.insert_hold(rival)
    creation._claim_products(rival)
    monkeypatch.setattr(product_store, "find_products", _outdated_first(products, find))
    with pytest.raises(ProductUnavailable) as raised:
        hold(id_of("bor", "1"), *products)
    assert raised.value.extensions["unavailable_product_ids"] == [products[1].id]
    assert (state(products[0]), state(products[1])) == ("published", "held")
    assert product_store.get_product(products[1].id).belongs_to(id_of("usr", "b"))
    assert outbox(RELEASED) == [], "the rejected hold was never published"


def _item(product: Product) -> HeldItem:
    assert product.price is not None
    return HeldItem(product.id, product.title, product.price)


def _outdated_first(products: list[Product], find: Callable[..., object]) -> Callable[..., object]:
    """The products as they were before, for the first two calls; then the current ones."""
    calls = iter([0, 1])
    return lambda ids: {p.id: p for p in products} if next(calls, None) is not None else find(ids)


def test_a_product_repriced_before_the_claim_is_not_sold_at_the_old_price(
    published: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = published(4900)
    product_store.change_product(seen, set_fields={"price": {"amount": 9900, "currency": "EUR"}})
    monkeypatch.setattr(product_store, "find_products", lambda ids: {seen.id: seen})
    with pytest.raises(ProductUnavailable):
        hold(id_of("bor", "1"), seen)
    assert state(seen) == "published"


def test_of_fifty_buyers_exactly_one_gets_each_product(published: Maker) -> None:
    products = [published() for _ in range(5)]

    def try_all(number: int) -> list[str]:
        won = []
        for product in random.Random(number).sample(products, 5):
            try:
                hold(id_of("bor", f"{number}_{product.id}"), product, buyer_id=id_of("usr", f"{number}"))
                won.append(product.id)
            except ProductUnavailable:
                continue
        return won

    with ThreadPoolExecutor(50) as pool:
        winners = [product_id for won in pool.map(try_all, range(50)) for product_id in won]
    assert sorted(winners) == sorted(product.id for product in products)
    for product in products:
        product_hold = product_store.get_product(product.id).hold
        assert product_hold is not None
        assert settlement.get_hold(product_hold.order_id).buyer_id == product_hold.buyer_id


def test_of_fifty_orders_of_all_products_exactly_one_gets_them(published: Maker) -> None:
    products = [published() for _ in range(5)]

    def try_all(number: int) -> int:
        try:
            hold(id_of("bor", f"{number}"), *random.Random(number).sample(products, 5))
        except ProductUnavailable:
            return 0
        return 1

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(try_all, range(50))) == 1
    orders = {product_store.get_product(product.id).hold.order_id for product in products}  # type: ignore[union-attr]
    assert len(orders) == 1
    assert [state(product) for product in products] == ["held"] * 5


def test_concurrent_duplicates_of_a_request_create_one_hold(published: Maker) -> None:
    products = [published() for _ in range(3)]
    with ThreadPoolExecutor(16) as pool:
        holds = list(pool.map(lambda _: hold(id_of("bor", "1"), *products), range(32)))
    assert {held.state for held in holds} == {HoldState.ACTIVE}
    assert [state(product) for product in products] == ["held"] * 3


@pytest.mark.story("b-bu-04")
def test_an_authorised_payment_sells_once_even_if_its_event_is_repeated(published: Maker) -> None:
    coat = published()
    hold(id_of("bor", "1"), coat)
    payment_authorized(id_of("bor", "1"))
    payment_authorized(id_of("bor", "1"))
    assert state(coat) == "sold"
    assert outbox(SOLD) == [event_data(id_of("bor", "1"), [coat])]
    payment_authorized(id_of("bor", "1"), event_id="evt_other")
    assert outbox(SOLD) == [event_data(id_of("bor", "1"), [coat])] * 2
    assert outbox(RELEASED) == []
    with pytest.raises(HoldSold):
        release(id_of("bor", "1"))
    assert hold(id_of("bor", "1"), coat).state is HoldState.SOLD


def test_a_payment_after_the_lapse_is_answered_with_released(published: Maker, after_expiry: None) -> None:
    coat = published()
    with clock.freeze(clock.now() - timedelta(minutes=16)):
        hold(id_of("bor", "1"), coat)
    run_job()
    assert state(coat) == "published"
    payment_authorized(id_of("bor", "1"))
    assert state(coat) == "published"
    assert outbox(RELEASED) == [event_data(id_of("bor", "1"), [coat], reason="lapsed")] * 2
    assert outbox(SOLD) == []
    with pytest.raises(HoldEnded):
        hold(id_of("bor", "1"), coat)


def test_a_payment_before_the_job_runs_still_sells_the_products(published: Maker, after_expiry: None) -> None:
    coat = published()
    with clock.freeze(clock.now() - timedelta(minutes=16)):
        hold(id_of("bor", "1"), coat)
    payment_authorized(id_of("bor", "1"))
    run_job()
    assert state(coat) == "sold"
    assert outbox(RELEASED) == []


def test_the_next_buyer_releases_a_lapsed_hold(published: Maker, after_expiry: None) -> None:
    coat = published()
    with clock.freeze(clock.now() - timedelta(minutes=16)):
        hold(id_of("bor", "1"), coat)
    held = hold(id_of("bor", "2"), coat, buyer_id=id_of("usr", "b"))
    assert held.buyer_id == id_of("usr", "b")
    assert product_store.get_product(coat.id).belongs_to(id_of("usr", "b"))
    assert outbox(RELEASED) == [event_data(id_of("bor", "1"), [coat], reason="lapsed")]
    payment_authorized(id_of("bor", "1"))
    assert product_store.get_product(coat.id).belongs_to(id_of("usr", "b"))
    assert state(coat) == "held"


def test_cancelling_releases_the_products_once(published: Maker) -> None:
    coat = published()
    hold(id_of("bor", "1"), coat)
    release(id_of("bor", "1"))
    release(id_of("bor", "1"))
    assert state(coat) == "published"
    assert outbox(RELEASED) == [event_data(id_of("bor", "1"), [coat], reason="cancelled")]
    with pytest.raises(HoldNotFound):
        release(id_of("bor", "unknown"))


def test_a_payment_of_an_order_without_a_hold_is_answered_with_released() -> None:
    payment_authorized(id_of("bor", "unknown"))
    assert outbox(RELEASED) == [event_data(id_of("bor", "unknown"), [], reason="lapsed")]


def test_of_a_concurrent_payment_and_lapse_exactly_one_wins(published: Maker) -> None:
    products = [published() for _ in range(12)]
    past = clock.now() - timedelta(minutes=16)
    for number, product in enumerate(products):
        with clock.freeze(past):
            hold(id_of("bor", f"{number}"), product)
    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(payment_authorized, id_of("bor", f"{n}"), f"evt_{n}") for n in range(12)]
        tasks += [pool.submit(run_job) for _ in range(4)]
        for task in tasks:
            task.result()
    for number, product in enumerate(products):
        decided = settlement.get_hold(id_of("bor", f"{number}")).state
        assert state(product) == {"sold": "sold", "released": "published"}[decided]


def later() -> AbstractContextManager[None]:
    return clock.freeze(clock.now() + timedelta(seconds=30))


@contextmanager
def patched_claim(claim: Callable[..., Product | None]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product_store, "claim_product", claim)
        yield


@pytest.mark.parametrize("decision", ["sold", "cancelled"])
def test_the_job_completes_a_decision_after_a_crash(published: Maker, decision: str) -> None:
    coat = published()
    hold(id_of("bor", "1"), coat)
    with crash_before_commit():
        if decision == "sold":
            settlement.settle_authorized_payment(id_of("bor", "1"), id_of("usr", "a"))
        else:
            settlement.release_hold(id_of("bor", "1"))
    assert outbox(SOLD) + outbox(RELEASED) == []
    with later():
        run_job()
        run_job()
    if decision == "sold":
        assert (state(coat), outbox(SOLD)) == ("sold", [event_data(id_of("bor", "1"), [coat])])
    else:
        assert (state(coat), outbox(RELEASED)) == (
            "published",
            [event_data(id_of("bor", "1"), [coat], reason="cancelled")],
        )


def test_the_job_settles_products_after_a_crash(published: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    coat = published()
    hold(id_of("bor", "1"), coat)
    hold_store.decide_sold(id_of("bor", "1"))
    assert state(coat) == "held"
    with later():
        run_job()
    assert (state(coat), outbox(SOLD)) == ("sold", [event_data(id_of("bor", "1"), [coat])])


def test_an_interrupted_hold_is_completed_by_a_repeated_request_or_lapses(
    published: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = sorted([published(), published()], key=lambda product: product.id)
    claim = product_store.claim_product

    def crash_at_second_product(product_id: str, price: Money, product_hold: dict[str, object]) -> Product | None:
        if product_id == products[1].id:
            raise InterruptedError
        return claim(product_id, price, product_hold)

    with patched_claim(crash_at_second_product), pytest.raises(InterruptedError):
        hold(id_of("bor", "1"), *products)
    assert [state(product) for product in products] == ["held", "published"]
    assert hold(id_of("bor", "1"), *products).state is HoldState.ACTIVE
    assert [state(product) for product in products] == ["held", "held"]

    release(id_of("bor", "1"))
    with patched_claim(crash_at_second_product), pytest.raises(InterruptedError):
        hold(id_of("bor", "2"), *products)
    with clock.freeze(clock.now() + timedelta(minutes=16)):
        run_job()
    assert [state(product) for product in products] == ["published", "published"]


def test_a_claim_after_the_release_is_undone(published: Maker) -> None:
    coat, hat = published(), published()
    created = hold(id_of("bor", "1"), coat)
    release(id_of("bor", "1"))
    product_hold = {"order_id": id_of("bor", "1"), "buyer_id": id_of("usr", "a"), "until": created.until}
    assert coat.price is not None
    assert hat.price is not None
    product_store.claim_product(coat.id, coat.price, product_hold)
    with pytest.raises(HoldEnded), db.unit_of_work():
        creation._claim_products(created)
    assert state(coat) == "published"
    product_store.claim_product(coat.id, coat.price, product_hold)
    product_store.claim_product(hat.id, hat.price, {**product_hold, "order_id": id_of("bor", "none")})
    with clock.freeze(clock.now() + timedelta(minutes=16)):
        run_job()
    assert (state(coat), state(hat)) == ("published", "published")


def test_a_claim_after_the_sale_becomes_sold(published: Maker) -> None:
    coat = published()
    created = hold(id_of("bor", "1"), coat)
    hold_store.decide_sold(id_of("bor", "1"))
    hold_store.mark_published(id_of("bor", "1"))
    with clock.freeze(created.until + timedelta(minutes=1)):
        run_job()
    assert state(coat) == "sold"
    assert product_store.get_product(coat.id).state is ProductState.SOLD


def test_a_payment_of_a_rejected_hold_is_answered_with_released(published: Maker) -> None:
    coat = published()
    hold(id_of("bor", "1"), coat)
    hold_store.decide_released(id_of("bor", "1"), ReleaseReason.REJECTED)
    payment_authorized(id_of("bor", "1"))
    assert outbox(RELEASED) == [event_data(id_of("bor", "1"), [coat], reason="lapsed")]
    assert state(coat) == "published"
