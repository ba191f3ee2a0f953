"""The rules of `domain.md` for purchases, seen from outside while people act, and what must be true in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import httpx

from tests.acceptance.purchase_people import patiently
from tests.acceptance.purchase_walk import ENDED, RETURN_ENDED, Walk
from tests.acceptance.scene import Scene
from tests.support.disturber import Disturber
from tests.support.order_lifecycle import BUYING_ORDER, BUYING_RETURN
from tests.support.stores import Stores
from tools.demo.people import Customer, Json, Staff, wait_for

QUIET_SECONDS = 240.0  # a message that failed often comes back after minutes
LOOKS = 3  # what is read piece by piece may have changed in between: a fault is one that stays
HAVING = {"paid", "packing", "packed", "shipping", "in_box", "picked_up", "completed"}
NOT_HANDED_IN = {"created", "cancelled", "expired"}
TAKEN = {"captured", "refunding", "refunded"}
PRODUCT_STATES = {"draft", "priced", "published", "held", "sold", "recycled"}


class Rules:
    """Checks; each raises AssertionError with what is wrong."""

    def __init__(self, walk: Walk, scene: Scene, stores: Stores, stripe_url: str, coins: int) -> None:
        self._walk, self._scene, self._stores = walk, scene, stores
        self._stripe_url, self._coins = stripe_url, coins
        self._manager: Staff = scene.manager
        self.checks = 0

    def check_products(self) -> None:
        """After each step: products and their holds."""
        self.checks += 1
        _none_stays(self._faults_of_products)

    def check_all(self) -> None:
        """After every few steps: carts, orders, returns, money and coins too."""
        self.check_products()
        self._walk.check_carts()
        for look in (
            self._faults_of_orders,
            self._faults_of_money,
            self._faults_of_coins,
            self._faults_at_provider,
        ):
            _none_stays(look)
        faults = self._stores.ledger_faults()
        assert faults == [], faults

    # Products.

    def _faults_of_products(self) -> Iterator[str]:
        found = self._stores.products(self._walk.products)
        yield from (f"{product_id} is lost" for product_id in self._walk.products - found.keys())
        whose = {name: one["hold"]["order_id"] for name, one in found.items() if one["state"] in ("held", "sold")}
        holds = self._stores.holds(whose.values())  # read later: a product follows its hold
        for product_id, product in found.items():
            if product["state"] not in PRODUCT_STATES:
                yield f"{product_id} is {product['state']}"
        for product_id, order_id in whose.items():
            hold = holds.get(order_id)
            if hold is None or product_id not in [item["product_id"] for item in hold["items"]]:
                yield f"{product_id} is of {order_id}, which has no hold of it"
            elif found[product_id]["state"] == "sold" and hold["state"] != "sold":
                yield f"{product_id} is sold, and its hold is {hold['state']}"

    # Orders and returns.

    def orders(self) -> list[Json]:
        """All that were placed here, as staff see them."""
        return self._pages("/customer/v1/monitored-buying-orders", pickup_location_id=self._scene.location_id)

    def returns(self) -> list[Json]:
        found = [
            self._pages("/customer/v1/monitored-buying-returns", buyer_id=self._walk.id_of(buyer))
            for buyer in self._walk.carts
        ]
        return [made for page in found for made in page]

    def _pages(self, path: str, **query: str) -> list[Json]:
        found: list[Json] = []
        more: dict[str, Any] = {"limit": 100}
        while True:
            page = self._walk.ask(self._manager, "GET", path, params=query | more).json()
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            more["cursor"] = page["next_cursor"]

    def _faults_of_orders(self) -> Iterator[str]:
        orders, returns = self.orders(), self.returns()
        for one, legal in ((orders, BUYING_ORDER), (returns, BUYING_RETURN)):
            for found in one:
                states = [entry["state"] for entry in found["timeline"]]
                if not set(pairwise(states)) <= legal or len(set(states)) < len(states):
                    yield f"{found['id']} went {states}"
        handed_in = {
            (made["order_id"], item["product_id"])
            for made in returns
            if made["state"] not in NOT_HANDED_IN
            for item in made["items"]
        }
        having = [
            (item["product_id"], order["id"])
            for order in orders
            if order["state"] in HAVING
            for item in order["items"]
            if (order["id"], item["product_id"]) not in handed_in
        ]
        for product_id, count in Counter(product_id for product_id, _ in having).items():
            if count > 1:
                yield f"{product_id} has {count} buyers"
        products = self._stores.products(self._walk.products)
        for product_id, order_id in having:
            product = products.get(product_id, {})
            owner = (product.get("hold") or {}).get("order_id")
            if (product.get("state"), owner) != ("sold", order_id):
                yield f"{product_id} is of {order_id}, and in the shop {product.get('state')}, of {owner}"

    # Money.

    def payments(self) -> list[Json]:
        return self._of_buyers("/billing/v1/monitored-payments")

    def refunds(self) -> list[Json]:
        return self._of_buyers("/billing/v1/monitored-refunds")

    def _of_buyers(self, path: str) -> list[Json]:
        pages = [self._pages(path, buyer_id=self._walk.id_of(buyer)) for buyer in self._walk.carts]
        return [one for page in pages for one in page]

    def _faults_of_money(self) -> Iterator[str]:
        refunds = self.refunds()
        payments = self.payments()  # read later: a refund follows its payment
        taken = [payment for payment in payments if payment["captured_at"] is not None]
        for order_id, count in Counter(payment["order_id"] for payment in taken).items():
            if count > 1:
                yield f"{order_id} has {count} payments that were taken"
        back: Counter[str] = Counter()
        for refund in refunds:
            if refund["state"] != "failed":
                back[refund["payment_id"]] += refund["amount"]["amount"]
            else:
                yield f"refund {refund['id']} failed"
        amounts = {payment["id"]: payment["amount"]["amount"] for payment in taken}
        for payment_id, amount in back.items():
            if amount > amounts.get(payment_id, 0):
                yield f"of {payment_id}, {amount} went back and {amounts.get(payment_id, 0)} was taken"
        times = Counter((refund["order_id"], refund["return_id"]) for refund in refunds)
        for (order_id, return_id), count in times.items():
            if count > self._most_refunds(order_id, return_id):
                yield f"{order_id} was refunded {count} times for {return_id}"
        holds = self._stores.holds(payment["order_id"] for payment in taken)
        for payment in taken:
            if holds.get(payment["order_id"], {}).get("state") != "sold":
                yield f"{payment['id']} was taken, and the hold of {payment['order_id']} is not sold"

    def _most_refunds(self, order_id: str, return_id: str | None) -> int:
        """One; for a return with good and bad pieces one at the check, and one when the rest is decided."""
        order = self._walk.orders[order_id]
        back = order.returns.get(return_id) if return_id else None
        return 2 if back is not None and back.way == "is mixed" and len(order.prices) > 1 else 1

    def _faults_of_coins(self) -> Iterator[str]:
        for buyer in self._walk.carts:
            records = self._pages_of(buyer, "/billing/v1/coin-records")
            now = self._walk.ask(buyer, "GET", "/billing/v1/coins").json()
            total = sum(record["coins"] for record in records)
            if total != now["balance"] - now["debt"] or now["balance"] < 0 or now["debt"] < 0:
                yield f"{buyer.user_name} has {now}, and records of {total}"

    def _pages_of(self, buyer: Customer, path: str) -> list[Json]:
        found: list[Json] = []
        query: dict[str, Any] = {"limit": 100}
        while True:
            page = self._walk.ask(buyer, "GET", path, params=query).json()
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    def at_provider(self) -> dict[str, list[Json]]:
        """The provider's payments that took money, by order."""
        found: dict[str, list[Json]] = {}
        after: dict[str, str] = {}
        while True:
            page = self._asked_provider("/v1/payment_intents", {"limit": "100"} | after)
            for intent in page["data"]:
                order_id = (intent.get("metadata") or {}).get("order_id")
                if order_id in self._walk.orders and intent["status"] in ("succeeded", "requires_capture"):
                    found.setdefault(order_id, []).append(intent)
            if not page["has_more"]:
                return found
            after = {"starting_after": page["data"][-1]["id"]}

    def _asked_provider(self, path: str, query: dict[str, str]) -> Json:
        def ask() -> Json:
            answer = httpx.get(
                self._stripe_url + path, params=query, headers={"Authorization": "Bearer sk_test_12345"}, timeout=10
            )
            found: Json = answer.raise_for_status().json()
            return found

        answer: Json = patiently(ask)
        return answer

    def _faults_at_provider(self) -> Iterator[str]:
        for order_id, intents in self.at_provider().items():
            if len([intent for intent in intents if intent["status"] == "succeeded"]) > 1:
                yield f"{order_id} is paid twice at the provider"

    # In the end.

    def check_end(self) -> None:
        """All is quiet: everything has ended, and everybody has what is theirs."""
        self.check_all()
        orders = {order["id"]: order for order in self.orders()}
        returns = self.returns()
        assert orders.keys() == self._walk.orders.keys(), "what was placed, and nothing else"
        assert {one["state"] for one in orders.values()} <= ENDED, _states(orders.values())
        assert {one["state"] for one in returns} <= RETURN_ENDED, _states(returns)
        products = self._stores.products(self._walk.products)
        assert "held" not in {one["state"] for one in products.values()}, products
        assert self._boxes() == {}, self._boxes()
        self._check_carts(orders, returns)
        self._check_work([*orders, *(made["id"] for made in returns)])
        self._check_money(orders, returns)
        self._check_coins(orders, returns)

    def _boxes(self) -> dict[str, str]:
        query = {"location_id": self._scene.location_id}
        items = self._pages("/locker/v1/boxes", **query)
        return {box["held_for_order_id"]: box["state"] for box in items if box["state"] != "free"}

    def _check_carts(self, orders: dict[str, Json], returns: list[Json]) -> None:
        """What was bought, and never came back, is out of the cart, unless it was put in again since."""
        came_back = {made["order_id"] for made in returns}
        for order in self._walk.orders.values():
            known = self._walk.carts[order.buyer]
            left = known.may_have & set(order.product_ids) - known.put_again
            is_kept = orders[order.id]["state"] == "completed" and order.id not in came_back
            assert not (is_kept and left), (order.id, left)

    def _check_work(self, subjects: list[str]) -> None:
        for subject in subjects:
            found = self._pages("/admin/v1/work-orders", order_id=subject)
            states = {f"{one['kind']} {one['state']}" for one in found if one["state"] not in ("done", "failed")}
            assert not states, (subject, states)

    def _check_money(self, orders: dict[str, Json], returns: list[Json]) -> None:
        """What was taken and did not go back is the price of what the buyer keeps."""
        taken, coins = Counter[str](), Counter[str]()
        for payment in self.payments():
            assert payment["state"] in ("captured", "refunded", "voided", "failed"), payment
            if payment["captured_at"] is not None:
                taken[payment["order_id"]] += payment["amount"]["amount"] - payment["refunded"]["amount"]
                if payment["method"] == "coins":
                    coins[payment["order_id"]] += payment["coins"] or 0
        for refund in self.refunds():
            assert refund["state"] == "completed", refund
            if refund["coins"]:
                coins[refund["order_id"]] -= refund["coins"]
        provider = {
            order_id: sum(_kept(intent) for intent in intents) for order_id, intents in self.at_provider().items()
        }
        for order_id, order in orders.items():
            expected = _owed(order, [made for made in returns if made["order_id"] == order_id])
            assert taken[order_id] == expected, (order_id, taken[order_id], expected)
            in_coins = order_id in coins  # one is worth one cent
            assert coins[order_id] == (expected if in_coins else 0), (order_id, coins[order_id], expected)
            at_provider = provider.get(order_id, 0)
            assert at_provider == (0 if in_coins else expected), (order_id, at_provider, expected)

    def _check_coins(self, orders: dict[str, Json], returns: list[Json]) -> None:
        """What each buyer was given, less what was paid, with the rewards of what was kept."""
        paid = Counter[str]()
        for payment in self.payments():
            if payment["captured_at"] is not None:
                paid[payment["buyer_id"]] += payment["coins"] or 0
        for refund in self.refunds():
            paid[refund["buyer_id"]] -= refund["coins"] or 0
        rewards = Counter[str]()
        for order_id, order in orders.items():
            back = [made for made in returns if made["order_id"] == order_id]
            rewards[order["buyer_id"]] += self._reward(order, back)
        for buyer in self._walk.carts:
            buyer_id = self._walk.id_of(buyer)
            now = buyer.call("GET", "/billing/v1/coins").json()
            expected = self._coins - paid[buyer_id] + rewards[buyer_id]
            assert now["balance"] - now["debt"] == expected, (buyer_id, now, expected)

    def _reward(self, order: Json, returns: list[Json]) -> int:
        """The rewards of a pick-up, less the part that went with what came back."""
        if "picked_up" not in [entry["state"] for entry in order["timeline"]]:
            return 0
        path = f"/customer/v1/monitored-buying-orders/{order['id']}"
        is_first = self._walk.ask(self._manager, "GET", path).json()["is_first"]
        earned = self._setting("pick_up") + (self._setting("first_purchase") if is_first else 0)
        gone = {item["product_id"] for made in returns if made["state"] == "completed" for item in made["items"]}
        prices = {item["product_id"]: item["price"]["amount"] for item in order["items"]}
        if gone == prices.keys():
            return 0
        return int(earned - earned * sum(prices[one] for one in gone) // sum(prices.values()))

    def _setting(self, reward: str) -> int:
        for setting in self._walk.ask(self._manager, "GET", "/admin/v1/settings").json()["items"]:
            if setting["name"] == f"billing.reward_{reward}_coins":
                return int(setting["value"])
        raise LookupError(reward)


def _owed(order: Json, returns: list[Json]) -> int:
    """What a buyer pays in the end: the price of what was bought, less what was paid back for what came back."""
    if order["state"] != "completed":
        return 0
    back = sum(made["refund"]["amount"] for made in returns if made["refund"] is not None)
    return int(order["total"]["amount"] - back)


def _kept(intent: Json) -> int:
    """What the provider has of a payment."""
    assert intent["status"] == "succeeded", intent
    charges = intent["charges"]["data"]
    return sum(int(charge["amount"]) - int(charge["amount_refunded"]) for charge in charges if charge["paid"])


def _states(found: Any) -> dict[str, str]:
    return {one["id"]: one["state"] for one in found}


def _none_stays(look: Callable[[], Iterator[str]]) -> None:
    """What is wrong at each of several looks is wrong."""
    faults = set(look())
    for _ in range(LOOKS - 1):
        if not faults:
            return
        faults &= set(look())
    assert not faults, faults


class Quiet:
    """What was on its way before the walk, and waiting until no more is."""

    def __init__(self, stores: Stores, disturber: Disturber) -> None:
        self._stores, self._disturber = stores, disturber
        self._before, self._unsent = disturber.waiting(), stores.unsent()

    def wait(self) -> None:
        """No event is in an outbox or a queue any more, and none came to the dead letters."""
        try:
            wait_for(
                "all to be quiet", lambda: True if self._is_quiet() and self._is_quiet() else None, QUIET_SECONDS
            )
        except TimeoutError:
            raise AssertionError((self._stores.unsent(), self._disturber.waiting())) from None

    def _is_quiet(self) -> bool:
        if self._stores.unsent() > self._unsent:
            return False
        return all(count <= self._before.get(name, 0) for name, count in self._disturber.waiting().items())
