"""Authorized payments whose event from shopping was lost: the job queries shopping, and captures or voids them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from libs.chassis import clock, db
from services.billing.events import registry
from services.billing.payments.tables import Payment
from services.billing.refunds.tables import Refund
from services.billing.settlement import steps
from services.billing.settlement.jobs import settle_with_provider
from services.billing.settlement.rules import MIN_DELAY
from tests.integration.billing.shop import Order, Shop
from tests.integration.billing.support import (
    RETURN,
    card,
    change_donation,
    change_donation_return,
    new_id,
    settle_now,
)
from tests.support.harness import Harness, user_id
from tests.support.states import PeerStates, attempted, compare, reported

AUTHORIZED, CAPTURED = "billing.payment.authorized.v1", "billing.payment.captured.v1"


@pytest.fixture
def shop(billing: Harness, stripe_url: str) -> Shop:
    return Shop(billing, stripe_url)


def authorized(shop: Shop) -> tuple[Order, str]:
    order = shop.order()
    response = shop.pay(order)
    assert response.status_code == 201, response.text
    return order, str(response.json()["id"])


def lose_events(billing: Harness) -> PeerStates:
    states = PeerStates()
    billing.play_peers(states.respond)
    return states


def decision_event(order: Order, decision: str) -> tuple[str, dict[str, Any]]:
    data: dict[str, Any] = {"order_id": order.id, "buyer_id": user_id(order.buyer), "product_ids": order.products}
    return f"shopping.hold.{decision}.v1", data | ({"reason": "lapsed"} if decision == "released" else {})


@pytest.mark.parametrize(("decision", "state"), [("sold", "captured"), ("released", "voided")])
def test_a_payment_whose_event_was_lost_follows_the_hold(
    billing: Harness, shop: Shop, decision: str, state: str
) -> None:
    order, payment_id = authorized(shop)
    states = lose_events(billing)
    states.know("shopping", order.id, decision_event(order, decision))
    compare(registry)
    settle_now()
    settle_now()
    assert shop.payment(payment_id).state == state
    compare(registry, runs=3)
    assert reported() == {}


@pytest.mark.parametrize("is_known", [True, False])
def test_an_authorization_that_shopping_has_not_received_is_published_again(
    billing: Harness, shop: Shop, is_known: bool
) -> None:
    """The hold is still active, or its document is lost; shopping decides in both cases."""
    order, payment_id = authorized(shop)
    states = lose_events(billing)
    if is_known:
        states.know("shopping", order.id)
    compare(registry)
    first, again = billing.published(AUTHORIZED)
    assert again == first
    assert shop.payment(payment_id).state == "authorized"
    compare(registry, runs=2)
    assert list(reported()) == [("authorised_payment_without_decision", order.id)]


def test_captured_and_recent_payments_are_not_queried(billing: Harness, shop: Shop) -> None:
    order, _ = authorized(shop)
    shop.sell(order)
    states = lose_events(billing)
    compare(registry)
    assert (states.queries, attempted()) == ([], set())


def test_a_state_query_describes_payments_and_refunds_of_orders(billing: Harness, shop: Shop) -> None:
    waiting, _ = authorized(shop)
    refunded, payment_id = authorized(shop)
    shop.sell(refunded)
    settle_now()
    settle_now()
    customer = billing.as_user("customer", "billing:states", kind="service")

    def get_state(order: Order) -> tuple[str, list[str]]:
        query = {"subjects": [order.id]}
        [item] = customer("POST", "/billing/v1/state-queries", json=query).json()["items"]
        return item["knowledge"], [event["type"] for event in item["events"]]

    assert get_state(waiting) == ("known", [AUTHORIZED])
    assert get_state(refunded) == ("known", [CAPTURED])
    assert get_state(Order("x", id=new_id("bor"))) == ("unknown", [])
    shop.change_order(refunded, "cancelled")
    assert get_state(refunded) == ("pending", [])
    settle_now()
    settle_now()
    assert get_state(refunded) == ("known", [CAPTURED, "billing.refund.completed.v1"])
    with db.unit_of_work() as session:
        session.execute(delete(Refund).where(Refund.payment_id == payment_id))
    assert get_state(refunded) == ("known", [CAPTURED]), "the customer service sees that the refund is missing"


def add_replaced_payment(shop: Shop, payment_id: str, refund_state: str) -> None:
    """Add another payment of the same order that was captured late, and its refund in this state."""
    with db.unit_of_work() as session:
        sale = session.get_one(Payment, payment_id)
        common: dict[str, Any] = {
            "order_id": sale.order_id,
            "buyer_id": sale.buyer_id,
            "method": "card",
            "currency": "EUR",
        }
        common |= {"amount": sale.amount, "created_at": clock.now()}
        replaced = Payment(
            id=new_id("pay"), state="captured", lines=[], changed_at=clock.now(), captured_at=clock.now(), **common
        )
        session.add(replaced)
        session.flush()
        late = Refund(
            id=new_id("rfd"), unique_key=f"late:{replaced.id}", payment_id=replaced.id, reason="late", **common
        )
        late.state = refund_state
        session.add(late)


@pytest.mark.parametrize("refund_state", ["pending", "failed"])
def test_the_refund_of_a_replaced_payment_does_not_hide_the_payment_of_the_sale(
    billing: Harness, shop: Shop, refund_state: str
) -> None:
    order, payment_id = authorized(shop)
    add_replaced_payment(shop, payment_id, refund_state)
    shop.sell(order)
    settle_now()
    settle_now()
    customer = billing.as_user("customer", "billing:states", kind="service")

    def described() -> tuple[str, list[str]]:
        query = {"subjects": [order.id]}
        [item] = customer("POST", "/billing/v1/state-queries", json=query).json()["items"]
        return item["knowledge"], [event["data"]["payment_id"] for event in item["events"]]

    assert described() == ("known", [payment_id])
    shop.change_order(order, "cancelled")
    assert described() == ("pending", [])
    settle_now()
    settle_now()
    assert described() == ("known", [payment_id, payment_id])


def test_a_capture_that_failed_temporarily_is_retried_soon(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id = authorized(shop)
    shop.sell(order)

    def fail(_since: object, _now: object) -> bool:
        raise RuntimeError("a deadlock")

    with monkeypatch.context() as patch:
        patch.setattr(steps, "is_abandoned", fail)
        settle_with_provider()
    due = shop.payment(payment_id).settle_at
    assert due is not None
    assert due - clock.now() <= MIN_DELAY
    with clock.freeze(due):
        settle_with_provider()
    settle_now()
    assert shop.payment(payment_id).state == "captured"


def test_a_state_query_describes_the_paid_fee_of_a_return(billing: Harness, shop: Shop) -> None:
    customer = billing.as_user("customer", "billing:states", kind="service")

    def described() -> tuple[str, list[dict[str, Any]]]:
        response = customer("POST", "/billing/v1/state-queries", json={"subjects": [RETURN]})
        [item] = response.json()["items"]
        return item["knowledge"], [event["data"] for event in item["events"]]

    assert described() == ("unknown", [])
    change_donation(billing, "deposited")
    change_donation_return(billing, "created")
    assert described() == ("known", [])
    donor = billing.as_user("ines", "billing:rewards billing:fees billing:payments")
    [fee] = donor("GET", "/billing/v1/fees").json()["items"]
    body = {"method": "card", "payment_method": card(shop.stripe_url)}
    assert donor("POST", f"/billing/v1/fees/{fee['id']}/payments", json=body, key="fee-key-1").status_code == 201
    [event] = billing.published("billing.fee.paid.v1")
    assert described() == ("known", [event])
