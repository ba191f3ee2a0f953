"""Fakes of the customer service and of shopping for tests of purchases."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from libs.chassis import db
from libs.chassis.clock import now, rfc3339
from services.billing.coins import accounts, coin_ledger
from services.billing.payments.tables import Payment
from services.billing.refunds.tables import Refund
from tests.integration.billing.support import LOCATION, SECRET, card, new_id
from tests.support.harness import Harness, user_id

PRICES = (4900, 1501)
PICKUP = {f"pickup_{name}": value for name, value in LOCATION.items()}


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


@dataclass
class Order:
    """A buying order of `buyer` for products at these prices."""

    buyer: str
    prices: tuple[int, ...] = PRICES
    id: str = field(default_factory=lambda: new_id("bor"))
    state: str = "placed"

    def __post_init__(self) -> None:
        self.products = [new_id("prd") for _ in self.prices]

    @property
    def total(self) -> int:
        return sum(self.prices)

    def document(self) -> dict[str, Any]:
        items = zip(self.products, self.prices, strict=True)
        return {
            "id": self.id,
            "buyer_id": user_id(self.buyer),
            "state": self.state,
            "expires_at": rfc3339(now() + timedelta(minutes=15)),
            "total": euros(self.total),
            "items": [{"product_id": one, "title": "Coat", "price": euros(price)} for one, price in items],
        }


class Shop:
    """Does what the customer service and shopping do, for a billing service in this process."""

    def __init__(self, billing: Harness, stripe_url: str) -> None:
        self.billing, self.stripe_url = billing, stripe_url
        self.orders: dict[str, Order] = {}
        billing.play_peers(self._respond)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        order = self.orders.get(request.url.path.rpartition("/")[2])
        if order is None:
            return httpx.Response(404, json={"type": "x/not-found"})
        return httpx.Response(200, json=order.document())

    def order(self, buyer: str = "", prices: tuple[int, ...] = PRICES) -> Order:
        order = Order(buyer or new_id("person"), prices)
        self.orders[order.id] = order
        return order

    def send(self, buyer: str, method: str, path: str, **more: Any) -> httpx.Response:
        return self.billing.as_user(buyer, "billing:payments billing:rewards")(method, path, **more)

    def pay(self, order: Order, *, number: str | None = None, coins: bool = False, key: str = "") -> httpx.Response:
        body: dict[str, Any] = {"order_id": order.id, "method": "coins" if coins else "card"}
        if not coins:
            body["payment_method"] = card(self.stripe_url, *([number] if number else []))
        return self.send(order.buyer, "POST", "/billing/v1/payments", json=body, key=key or new_id("key"))

    def sell(self, order: Order) -> None:
        self.billing.deliver("shopping.hold.sold.v1", self._hold(order))

    def release(self, order: Order) -> None:
        self.billing.deliver("shopping.hold.released.v1", self._hold(order) | {"reason": "lapsed"})

    @staticmethod
    def _hold(order: Order) -> dict[str, Any]:
        return {"order_id": order.id, "buyer_id": user_id(order.buyer), "product_ids": order.products}

    def change_order(
        self, order: Order, state: str, *, products: list[str] | None = None, is_first: bool = False
    ) -> None:
        data = {
            "order_id": order.id,
            "buyer_id": user_id(order.buyer),
            "state": state,
            "previous_state": "paid",
            "product_ids": order.products if products is None else products,
            "total": euros(order.total),
            "payment_id": None,
            "is_first": is_first,
            "return_until": None,
            "at": rfc3339(now()),
        }
        self.billing.deliver("customer.buying_order.state_changed.v1", data | PICKUP)

    def change_return(
        self,
        order: Order,
        state: str,
        products: list[str],
        refund: int | None,
        return_id: str = "rbo_" + "7" * 32,
        **changed: Any,
    ) -> None:
        prices = dict(zip(order.products, order.prices, strict=True))
        data = {
            "return_id": return_id,
            "order_id": order.id,
            "buyer_id": user_id(order.buyer),
            "state": state,
            "previous_state": None,
            "product_ids": products,
            "is_whole_order": products == order.products,
            "price": euros(sum(prices[one] for one in products)),
            "refund": None if refund is None else euros(refund),
            "is_force_cancelled": False,
            "items": [],
            "at": rfc3339(now()),
        }
        self.billing.deliver("customer.buying_return.state_changed.v1", data | LOCATION | changed)

    @staticmethod
    def checked(order: Order, *results: str) -> list[dict[str, Any]]:
        """The check results of an order that was returned as a whole."""
        products = zip(order.products, order.prices, results, strict=True)
        return [
            {"product_id": product, "title": "Coat", "price": euros(price), "result": result}
            for product, price, result in products
        ]

    def product_sold(self, order: Order, index: int, donation_id: str) -> None:
        data = {
            "product_id": order.products[index],
            "title": "Coat",
            "price": euros(order.prices[index]),
            "buying_order_id": order.id,
            "donation": {"order_id": donation_id, "item_id": "dit_" + "1" * 32},
        }
        self.billing.deliver("shopping.product.sold.v1", data)

    def give_coins(self, buyer: str, number: int) -> None:
        with db.unit_of_work():
            coin_ledger.reward(user_id(buyer), new_id("dor"), "deposit", number)

    def balance(self, buyer: str) -> tuple[int, int]:
        with db.unit_of_work(reads_only=True):
            return accounts.get_balance(user_id(buyer))

    def payment(self, payment_id: str) -> Payment:
        with db.unit_of_work(reads_only=True) as session:
            return session.get_one(Payment, payment_id)

    def refunds(self, payment_id: str) -> list[Refund]:
        """Our rows of a payment's refunds, oldest first."""
        with db.unit_of_work(reads_only=True) as session:
            return list(session.scalars(select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.id)))

    def refunds_at_provider(self, payment_id: str) -> list[int]:
        """The amounts of the refunds at the provider."""
        headers = {"Authorization": "Bearer sk_test_12345"}
        params: dict[str, Any] = {"payment_intent": self.payment(payment_id).provider_intent_id, "limit": 100}
        refunds = httpx.get(f"{self.stripe_url}/v1/refunds", params=params, headers=headers).json()["data"]
        return sorted(refund["amount"] for refund in refunds)

    def notify(self, subject: dict[str, Any], kind: str, *, event_id: str = "", age: int = 0) -> int:
        """Send a signed event of the provider; the status of our response."""
        document = {"id": event_id or new_id("evt"), "object": "event", "type": kind, "data": {"object": subject}}
        body, sent_at = json.dumps(document), int(time.time()) - age
        signature = hmac.new(SECRET.encode(), f"{sent_at}.{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={sent_at},v1={signature}", "Content-Type": "application/json"}
        response: httpx.Response = self.billing.client.post(
            "/billing/v1/webhooks/stripe", content=body, headers=headers
        )
        return response.status_code

    def intent_event(self, payment_id: str, kind: str = "payment_intent.succeeded", **more: Any) -> int:
        payment = self.payment(payment_id)
        subject = {"id": payment.provider_intent_id, "object": "payment_intent"}
        return self.notify(subject | {"amount": payment.amount, "currency": "eur"}, kind, **more)
