"""Invariants of purchases that hold at every step of a random walk, and what must be true at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import httpx

from tests.acceptance.purchase_actors import retry_while_unavailable
from tests.acceptance.purchase_random_walk import FINAL_ORDER_STATES, FINAL_RETURN_STATES, PurchaseRandomWalk
from tests.acceptance.site import Site
from tests.support.disturber import Disturber
from tests.support.order_lifecycle import BUYING_ORDER, BUYING_RETURN
from tests.support.stores import Stores
from tools.demo.people import Customer, Json, Staff, wait_for

DRAIN_SECONDS = 240.0  # a message that failed often is redelivered after minutes
READS = 3  # the state may change between two requests: a violation is one that every read finds
SOLD_STATES = {"paid", "packing", "packed", "shipping", "in_box", "picked_up", "completed"}
NOT_RETURNED_STATES = {"created", "cancelled", "expired"}
PRODUCT_STATES = {"draft", "priced", "published", "held", "sold", "recycled"}


class PurchaseInvariants:
    """Checks that raise AssertionError with the violations."""

    def __init__(self, walk: PurchaseRandomWalk, site: Site, stores: Stores, stripe_url: str, coins: int) -> None:
        self._walk, self._site, self._stores = walk, site, stores
        self._stripe_url, self._coins = stripe_url, coins
        self._manager: Staff = site.manager
        self.checks = 0

    def check_products(self) -> None:
        """Check products and their holds (after each step)."""
        self.checks += 1
        _assert_none_persists(self._product_violations)

    def check_all(self) -> None:
        """Check carts, orders, returns, money and coins too (after every few steps)."""
        self.check_products()
        self._walk.check_carts()
        for find_violations in (
            self._order_violations,
            self._money_violations,
            self._coin_violations,
            self._provider_violations,
        ):
            _assert_none_persists(find_violations)
        violations = self._stores.ledger_faults()
        assert violations == [], violations

    # Products.

    def _product_violations(self) -> Iterator[str]:
        products = self._stores.products(self._walk.products)
        yield from (f"{product_id} is lost" for product_id in self._walk.products - products.keys())
        holders = {
            product_id: product["hold"]["order_id"]
            for product_id, product in products.items()
            if product["state"] in ("held", "sold")
        }
        holds = self._stores.holds(holders.values())  # read after the products, which follow their hold
        for product_id, product in products.items():
            if product["state"] not in PRODUCT_STATES:
                yield f"{product_id} is {product['state']}"
        for product_id, order_id in holders.items():
            hold = holds.get(order_id)
            if hold is None or product_id not in [item["product_id"] for item in hold["items"]]:
                yield f"{product_id} belongs to {order_id}, which has no hold of it"
            elif products[product_id]["state"] == "sold" and hold["state"] != "sold":
                yield f"{product_id} is sold, and its hold is {hold['state']}"

    # Orders and returns.

    def orders(self) -> list[Json]:
        """All orders that are picked up at the site, as staff sees them."""
        return self._list("/customer/v1/monitored-buying-orders", pickup_location_id=self._site.location_id)

    def returns(self) -> list[Json]:
        pages = [
            self._list("/customer/v1/monitored-buying-returns", buyer_id=self._walk.id_of(buyer))
            for buyer in self._walk.carts
        ]
        return [purchase_return for page in pages for purchase_return in page]

    def _list(self, path: str, **query: str) -> list[Json]:
        items: list[Json] = []
        paging: dict[str, Any] = {"limit": 100}
        while True:
            page = self._walk.send(self._manager, "GET", path, params=query | paging).json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            paging["cursor"] = page["next_cursor"]

    def _order_violations(self) -> Iterator[str]:
        orders, returns = self.orders(), self.returns()
        for items, legal_steps in ((orders, BUYING_ORDER), (returns, BUYING_RETURN)):
            for item in items:
                states = [entry["state"] for entry in item["timeline"]]
                if not set(pairwise(states)) <= legal_steps or len(set(states)) < len(states):
                    yield f"{item['id']} had the states {states}"
        returned = {
            (purchase_return["order_id"], item["product_id"])
            for purchase_return in returns
            if purchase_return["state"] not in NOT_RETURNED_STATES
            for item in purchase_return["items"]
        }
        sold = [
            (item["product_id"], order["id"])
            for order in orders
            if order["state"] in SOLD_STATES
            for item in order["items"]
            if (order["id"], item["product_id"]) not in returned
        ]
        for product_id, count in Counter(product_id for product_id, _ in sold).items():
            if count > 1:
                yield f"{product_id} has {count} buyers"
        products = self._stores.products(self._walk.products)
        for product_id, order_id in sold:
            product = products.get(product_id, {})
            holder = (product.get("hold") or {}).get("order_id")
            if (product.get("state"), holder) != ("sold", order_id):
                yield f"{product_id} belongs to {order_id}, but is {product.get('state')} for {holder}"

    # Money.

    def payments(self) -> list[Json]:
        return self._list_of_all_buyers("/billing/v1/monitored-payments")

    def refunds(self) -> list[Json]:
        return self._list_of_all_buyers("/billing/v1/monitored-refunds")

    def _list_of_all_buyers(self, path: str) -> list[Json]:
        pages = [self._list(path, buyer_id=self._walk.id_of(buyer)) for buyer in self._walk.carts]
        return [item for page in pages for item in page]

    def _money_violations(self) -> Iterator[str]:
        refunds = self.refunds()
        payments = self.payments()  # read after the refunds, which follow their payment
        captured = [payment for payment in payments if payment["captured_at"] is not None]
        for order_id, count in Counter(payment["order_id"] for payment in captured).items():
            if count > 1:
                yield f"{order_id} has {count} captured payments"
        refunded: Counter[str] = Counter()
        for refund in refunds:
            if refund["state"] != "failed":
                refunded[refund["payment_id"]] += refund["amount"]["amount"]
            else:
                yield f"refund {refund['id']} failed"
        amounts = {payment["id"]: payment["amount"]["amount"] for payment in captured}
        for payment_id, amount in refunded.items():
            if amount > amounts.get(payment_id, 0):
                yield f"of {payment_id}, {amount} was refunded and {amounts.get(payment_id, 0)} captured"
        counts = Counter((refund["order_id"], refund["return_id"]) for refund in refunds)
        for (order_id, return_id), count in counts.items():
            if count > self._max_refunds(order_id, return_id):
                yield f"{order_id} was refunded {count} times for {return_id}"
        holds = self._stores.holds(payment["order_id"] for payment in captured)
        for payment in captured:
            if holds.get(payment["order_id"], {}).get("state") != "sold":
                yield f"{payment['id']} is captured, but the hold of {payment['order_id']} is not sold"

    def _max_refunds(self, order_id: str, return_id: str | None) -> int:
        """One; two for a mixed return, whose good products are refunded first."""
        order = self._walk.orders[order_id]
        purchase_return = order.returns.get(return_id) if return_id else None
        is_mixed = purchase_return is not None and purchase_return.scenario == "is mixed"
        return 2 if is_mixed and len(order.prices) > 1 else 1

    def _coin_violations(self) -> Iterator[str]:
        for buyer in self._walk.carts:
            records = self._list_as_buyer(buyer, "/billing/v1/coin-records")
            account = self._walk.send(buyer, "GET", "/billing/v1/coins").json()
            total = sum(record["coins"] for record in records)
            if total != account["balance"] - account["debt"] or account["balance"] < 0 or account["debt"] < 0:
                yield f"{buyer.user_name} has {account}, and records of {total}"

    def _list_as_buyer(self, buyer: Customer, path: str) -> list[Json]:
        items: list[Json] = []
        query: dict[str, Any] = {"limit": 100}
        while True:
            page = self._walk.send(buyer, "GET", path, params=query).json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            query["cursor"] = page["next_cursor"]

    def provider_payments(self) -> dict[str, list[Json]]:
        """The provider's authorized and captured payments, by order."""
        payments: dict[str, list[Json]] = {}
        after: dict[str, str] = {}
        while True:
            page = self._read_from_provider("/v1/payment_intents", {"limit": "100"} | after)
            for intent in page["data"]:
                order_id = (intent.get("metadata") or {}).get("order_id")
                if order_id in self._walk.orders and intent["status"] in ("succeeded", "requires_capture"):
                    payments.setdefault(order_id, []).append(intent)
            if not page["has_more"]:
                return payments
            after = {"starting_after": page["data"][-1]["id"]}

    def _read_from_provider(self, path: str, query: dict[str, str]) -> Json:
        headers = {"Authorization": "Bearer sk_test_12345"}

        def read() -> Json:
            response = httpx.get(self._stripe_url + path, params=query, headers=headers, timeout=10)
            return dict(response.raise_for_status().json())

        return retry_while_unavailable(read)

    def _provider_violations(self) -> Iterator[str]:
        for order_id, intents in self.provider_payments().items():
            if len([intent for intent in intents if intent["status"] == "succeeded"]) > 1:
                yield f"{order_id} is paid twice at the provider"

    # The end of the walk.

    def check_end(self) -> None:
        """Check that everything has ended, and that products, money and coins are where they belong."""
        self.check_all()
        orders = {order["id"]: order for order in self.orders()}
        returns = self.returns()
        assert orders.keys() == self._walk.orders.keys(), "the orders that were placed, and no others"
        assert {order["state"] for order in orders.values()} <= FINAL_ORDER_STATES, _states(orders.values())
        assert {found["state"] for found in returns} <= FINAL_RETURN_STATES, _states(returns)
        products = self._stores.products(self._walk.products)
        assert "held" not in {product["state"] for product in products.values()}, products
        assert self._occupied_boxes() == {}, self._occupied_boxes()
        self._check_carts(orders, returns)
        self._check_work_orders([*orders, *(found["id"] for found in returns)])
        self._check_money(orders, returns)
        self._check_coins(orders, returns)

    def _occupied_boxes(self) -> dict[str, str]:
        boxes = self._list("/locker/v1/boxes", location_id=self._site.location_id)
        return {box["held_for_order_id"]: box["state"] for box in boxes if box["state"] != "free"}

    def _check_carts(self, orders: dict[str, Json], returns: list[Json]) -> None:
        """Bought and kept products are not in the cart, unless they were added again since."""
        returned = {found["order_id"] for found in returns}
        for order in self._walk.orders.values():
            cart = self._walk.carts[order.buyer]
            remaining = cart.possible & set(order.product_ids) - cart.added_again
            is_kept = orders[order.id]["state"] == "completed" and order.id not in returned
            assert not (is_kept and remaining), (order.id, remaining)

    def _check_work_orders(self, subjects: list[str]) -> None:
        for subject in subjects:
            work_orders = self._list("/admin/v1/work-orders", order_id=subject)
            unfinished = {
                f"{work_order['kind']} {work_order['state']}"
                for work_order in work_orders
                if work_order["state"] not in ("done", "failed")
            }
            assert not unfinished, (subject, unfinished)

    def _check_money(self, orders: dict[str, Json], returns: list[Json]) -> None:
        """What was captured and not refunded is the price of the products that the buyer keeps."""
        paid, coins = Counter[str](), Counter[str]()
        for payment in self.payments():
            assert payment["state"] in ("captured", "refunded", "voided", "failed"), payment
            if payment["captured_at"] is not None:
                paid[payment["order_id"]] += payment["amount"]["amount"] - payment["refunded"]["amount"]
                if payment["method"] == "coins":
                    coins[payment["order_id"]] += payment["coins"] or 0
        for refund in self.refunds():
            assert refund["state"] == "completed", refund
            if refund["coins"]:
                coins[refund["order_id"]] -= refund["coins"]
        provider = {
            order_id: sum(map(_net_amount, intents)) for order_id, intents in self.provider_payments().items()
        }
        for order_id, order in orders.items():
            expected = _price_of_kept_products(order, [found for found in returns if found["order_id"] == order_id])
            assert paid[order_id] == expected, (order_id, paid[order_id], expected)
            is_in_coins = order_id in coins  # a coin is worth one cent
            assert coins[order_id] == (expected if is_in_coins else 0), (order_id, coins[order_id], expected)
            at_provider = provider.get(order_id, 0)
            assert at_provider == (0 if is_in_coins else expected), (order_id, at_provider, expected)

    def _check_coins(self, orders: dict[str, Json], returns: list[Json]) -> None:
        """The balance is what was assigned, less what was paid, plus the rewards of kept products."""
        paid = Counter[str]()
        for payment in self.payments():
            if payment["captured_at"] is not None:
                paid[payment["buyer_id"]] += payment["coins"] or 0
        for refund in self.refunds():
            paid[refund["buyer_id"]] -= refund["coins"] or 0
        rewards = Counter[str]()
        for order_id, order in orders.items():
            own_returns = [found for found in returns if found["order_id"] == order_id]
            rewards[order["buyer_id"]] += self._reward(order, own_returns)
        for buyer in self._walk.carts:
            buyer_id = self._walk.id_of(buyer)
            account = buyer.call("GET", "/billing/v1/coins").json()
            expected = self._coins - paid[buyer_id] + rewards[buyer_id]
            assert account["balance"] - account["debt"] == expected, (buyer_id, account, expected)

    def _reward(self, order: Json, returns: list[Json]) -> int:
        """The reward of a pick-up, less the part of the returned products."""
        if "picked_up" not in [entry["state"] for entry in order["timeline"]]:
            return 0
        path = f"/customer/v1/monitored-buying-orders/{order['id']}"
        is_first = self._walk.send(self._manager, "GET", path).json()["is_first"]
        earned = self._setting("pick_up") + (self._setting("first_purchase") if is_first else 0)
        returned = {
            item["product_id"] for found in returns if found["state"] == "completed" for item in found["items"]
        }
        prices = {item["product_id"]: item["price"]["amount"] for item in order["items"]}
        if returned == prices.keys():
            return 0
        return int(earned - earned * sum(prices[product_id] for product_id in returned) // sum(prices.values()))

    def _setting(self, reward: str) -> int:
        for setting in self._walk.send(self._manager, "GET", "/admin/v1/settings").json()["items"]:
            if setting["name"] == f"billing.reward_{reward}_coins":
                return int(setting["value"])
        raise LookupError(reward)


def _price_of_kept_products(order: Json, returns: list[Json]) -> int:
    """The price of the order, less the refunds of its returns; 0 if the order was not completed."""
    if order["state"] != "completed":
        return 0
    refunded = sum(found["refund"]["amount"] for found in returns if found["refund"] is not None)
    return int(order["total"]["amount"] - refunded)


def _net_amount(intent: Json) -> int:
    """What the provider captured for a payment and did not refund."""
    assert intent["status"] == "succeeded", intent
    charges = intent["charges"]["data"]
    return sum(int(charge["amount"]) - int(charge["amount_refunded"]) for charge in charges if charge["paid"])


def _states(items: Iterable[Json]) -> dict[str, str]:
    return {item["id"]: item["state"] for item in items}


def _assert_none_persists(find_violations: Callable[[], Iterator[str]]) -> None:
    """Raise AssertionError for violations that each of several reads finds."""
    violations = set(find_violations())
    for _ in range(READS - 1):
        if not violations:
            return
        violations &= set(find_violations())
    assert not violations, violations


class MessageDrain:
    """Waits until no more events are in transit than before the walk."""

    def __init__(self, stores: Stores, disturber: Disturber) -> None:
        self._stores, self._disturber = stores, disturber
        self._before, self._unsent = disturber.waiting(), stores.unsent()

    def wait(self) -> None:
        """Wait until no event of the walk is in an outbox, a queue or a dead-letter queue."""
        try:
            # Twice, because a message may be between a queue and an outbox.
            wait_for(
                "all events to be handled",
                lambda: True if self._is_drained() and self._is_drained() else None,
                DRAIN_SECONDS,
            )
        except TimeoutError:
            raise AssertionError((self._stores.unsent(), self._disturber.waiting())) from None

    def _is_drained(self) -> bool:
        if self._stores.unsent() > self._unsent:
            return False
        return all(count <= self._before.get(name, 0) for name, count in self._disturber.waiting().items())
