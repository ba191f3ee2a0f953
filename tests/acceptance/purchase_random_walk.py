"""A random walk of buyers and staff through the gateways, from the cart to the end of the last return.

Each order follows a scenario, so that every path of its lifecycle is taken. The seed chooses which step of which
order comes next, with which products, and which invalid actions are tried. A step that needs an event which has not
arrived yet is skipped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import httpx

from libs.chassis.clock import now, rfc3339
from tests.acceptance.purchase_actors import Order, PurchaseActors, Return, retry_while_unavailable
from tests.acceptance.site import Site
from tests.support.disturber import Disturber
from tests.support.stores import Stores
from tools.demo.people import Customer, Json, idempotency_key

GOOD_CARD, DECLINED_CARD, CARD_WITH_3D_SECURE = "4242424242424242", "4000000000000341", "4000002500003155"
ORDER_SCENARIOS = (
    "is left unpaid",
    "is cancelled unpaid",
    "is cancelled while it is being paid",
    "expires while it is being paid",
    "is cancelled when paid",
    "is cancelled when packed",
    "is force-cancelled",
    "is not picked up",
    "is kept",
    "is kept",
    "is returned",
    "is returned",
    "is returned in parts",
    "is returned in parts",
)
RETURN_SCENARIOS = ("is good", "is bad", "is good", "is lost", "is not deposited", "is cancelled", "is mixed")
FINAL_ORDER_STATES = frozenset({"expired", "cancelled", "completed"})
FINAL_RETURN_STATES = frozenset({"completed", "cancelled", "expired"})
BEFORE_SHIPPING = ("paid", "packing", "packed")
MAX_OPEN_ORDERS = 9


class PurchaseRandomWalk(PurchaseActors):
    """The steps of orders by their scenario and state, and the choice of the next step."""

    def __init__(
        self, seed: int, site: Site, buyers: Sequence[Customer], stores: Stores, disturber: Disturber
    ) -> None:
        super().__init__(seed, site, buyers, stores)
        self._disturber = disturber
        self._order_scenarios = self._repeat_shuffled(ORDER_SCENARIOS)
        self._return_scenarios = self._repeat_shuffled(RETURN_SCENARIOS)

    def _repeat_shuffled(self, scenarios: Sequence[str]) -> Iterator[str]:
        """All scenarios in random order, again and again, so that none is left out."""
        while True:
            yield from self._random.sample(scenarios, len(scenarios))

    # Orders.

    @property
    def open_orders(self) -> list[Order]:
        return [order for order in self.orders.values() if not order.is_finished]

    def place_orders(self) -> bool:
        """Place an order, or let several buyers compete for a product; False while enough orders are open."""
        if len(self.open_orders) >= MAX_OPEN_ORDERS:
            return False
        published = self.products_in_state("published")
        if not published:
            self.publish_products(2)
            return True
        if self._chance(0.3):
            self._race(self._random.choice(published))
            return True
        buyer = self._random.choice(self._buyers)
        in_cart = sorted(self.carts[buyer].certain & set(published))
        product_ids = self._random.sample(
            in_cart or published, min(len(in_cart or published), self._random.choice((1, 1, 2, 3)))
        )
        expected = None
        if self._chance(0.4):
            products = self._stores.products(product_ids)
            total = sum(products[product_id]["price"]["amount"] for product_id in product_ids)
            is_wrong = self._chance(0.3)
            expected = {"amount": total + is_wrong, "currency": "EUR"}
            response = self._place(buyer, product_ids, expected)
            assert response.is_success != is_wrong, response.text
        else:
            response = self._place(buyer, product_ids, None)
            assert response.is_success, response.text
        return True

    def _race(self, product_id: str) -> None:
        """Let three buyers order the same product concurrently; exactly one gets it."""
        competitors = self._random.sample(self._buyers, 3)
        responses = list(self._pool.map(lambda buyer: self._send_order(buyer, [product_id], None), competitors))
        self.log_step(
            f"three buyers order {product_id} concurrently: {[response.status_code for response in responses]}"
        )
        assert [response.status_code for response in responses].count(201) == 1, [
            response.text for response in responses
        ]
        for buyer, response in zip(competitors, responses, strict=True):
            if response.is_success:
                self._track(buyer, response.json())

    def _place(self, buyer: Customer, product_ids: list[str], expected: Json | None) -> httpx.Response:
        response = self._send_order(buyer, product_ids, expected)
        if response.is_success:
            self._track(buyer, response.json())
        else:
            self.log_step(
                f"{self._name_of(buyer)} cannot order {', '.join(product_ids)}: {response.json()['type']}"
            )
        return response

    def _send_order(self, buyer: Customer, product_ids: list[str], expected: Json | None) -> httpx.Response:
        body: Json = {"product_ids": product_ids, "pickup_location_id": self._site.location_id}
        body |= {"expected_total": expected} if expected else {}
        options = {"json": body, "headers": idempotency_key()}
        return self._send_with_retry(buyer, "POST", "/customer/v1/buying-orders", (201, 409), options)

    def _track(self, buyer: Customer, placed: Json) -> None:
        prices = {item["product_id"]: item["price"]["amount"] for item in placed["items"]}
        number = len(self.orders) + 1
        order = Order(placed["id"], buyer, prices, next(self._order_scenarios), f"order {number}")
        self.orders[order.id] = order
        self.carts[buyer].order(order.product_ids)
        action = f"{self._name_of(buyer)} places {order.name}"
        self.log_step(f"{action} ({order.id}, {len(prices)} for {sum(prices.values())}); it {order.scenario}")

    def advance_an_order(self) -> bool:
        """Take the next step of a random order; False when all of them wait for events."""
        waiting = self.open_orders
        self._random.shuffle(waiting)
        return any(self._advance(order) for order in waiting)

    def read_order(self, order: Order) -> Json:
        path = f"/customer/v1/monitored-buying-orders/{order.id}"
        found: Json = self.send(self._manager, "GET", path).json()
        return found

    def _advance(self, order: Order) -> bool:
        found = self.read_order(order)
        act: Callable[[Order, Json], bool] = getattr(self, f"_when_{found['state']}")
        return act(order, found)

    # Paying.

    def _when_placed(self, order: Order, _data: Json) -> bool:
        if order.is_paid or order.is_hold_expired:
            return False
        if order.scenario == "is left unpaid":
            if order.payment_attempts == 0 and self._chance(0.5):
                return self._pay(order, self._random.choice((DECLINED_CARD, CARD_WITH_3D_SECURE)))
            self._expire_hold(order)
            return True
        if order.scenario == "is cancelled unpaid":
            return self._cancel(order)
        if order.scenario in ("is cancelled while it is being paid", "expires while it is being paid"):
            with self._disturber.paused("shopping"):  # it receives the payment after the hold has ended
                paid = self._pay(order, GOOD_CARD)
                if order.scenario == "is cancelled while it is being paid":
                    self._cancel(order)
                else:
                    self._expire_hold(order)
                    self._reorder_by_another_buyer(order)
            return paid
        card = self._random.choice((GOOD_CARD, GOOD_CARD, GOOD_CARD, DECLINED_CARD, CARD_WITH_3D_SECURE))
        return self._pay(order, None if self._chance(0.35) else card if order.payment_attempts < 2 else GOOD_CARD)

    def _expire_hold(self, order: Order) -> None:
        self.log_step(f"the hold of {order.name} expires")
        self._stores.let_hold_lapse(order.id)
        order.is_hold_expired = True

    def _reorder_by_another_buyer(self, order: Order) -> None:
        """Another buyer can order the product although the expiry was not handled yet."""
        response = self._place(self._other_buyer(order.buyer), order.product_ids[:1], None)
        assert response.is_success, response.text

    def _pay(self, order: Order, card: str | None) -> bool:
        body = {"order_id": order.id, "method": "coins"}
        if card is not None:
            body = {
                "order_id": order.id,
                "method": "card",
                "payment_method": retry_while_unavailable(lambda: order.buyer.card(card)),
            }
        order.payment_attempts += 1
        response = self.send(order.buyer, "POST", "/billing/v1/payments", json=body, allowed=(402, 409))
        payment = response.json()
        if response.is_success and payment["state"] == "requires_action":
            payment = self._authenticate_with_bank(order, payment)
        result = payment.get("state") or payment["type"].rpartition("/")[2]
        self.log_step(f"{self._name_of(order.buyer)} pays {order.name} by {card or 'coins'}: {result}")
        order.is_paid = result in ("authorized", "capturing", "captured", "already-being-paid")
        return True

    def _authenticate_with_bank(self, order: Order, payment: Json) -> Json:
        """The buyer passes the 3-D Secure authentication, fails it, or abandons it."""
        outcome = self._random.choice(("passes", "passes", "fails", "abandons"))
        if outcome == "abandons":
            return payment
        secret = payment["client_secret"]
        configuration = self.send(order.buyer, "GET", "/billing/v1/payment-configuration").json()
        success = str(outcome == "passes").lower()
        form = {"client_secret": secret, "success": success, "key": configuration["publishable_key"]}
        url = f"{configuration['api_base']}/v1/payment_intents/{secret.partition('_secret_')[0]}/_authenticate"
        httpx.post(url, data=form, timeout=30).raise_for_status()
        path = f"/billing/v1/payments/{payment['id']}/confirmation"
        confirmed: Json = self.send(order.buyer, "POST", path, allowed=(402, 409)).json()
        return confirmed

    def _cancel(self, order: Order) -> bool:
        path = f"/customer/v1/buying-orders/{order.id}/cancellation"
        response = self.send(order.buyer, "POST", path, allowed=(409,))
        result = response.json().get("state") or response.json()["type"].rpartition("/")[2]
        self.log_step(f"{self._name_of(order.buyer)} cancels {order.name}: {result}")
        return response.is_success

    def _when_expired(self, order: Order, _data: Json) -> bool:
        order.is_finished = True
        return False

    # Packing, shipping and picking up.

    def _when_paid(self, order: Order, found: Json) -> bool:
        return self._cancel_if_planned(order, found) or self._pack(order)

    def _when_packing(self, order: Order, found: Json) -> bool:
        return self._cancel_if_planned(order, found) or self._pack(order)

    def _when_packed(self, order: Order, found: Json) -> bool:
        if order.scenario == "is cancelled when packed":
            return self._cancel(order)
        return self._cancel_if_planned(order, found) or self._start_shipping(order)

    def _cancel_if_planned(self, order: Order, found: Json) -> bool:
        """Cancel a paid order, or let a manager force-cancel it, if that is its scenario."""
        if order.scenario in ("is cancelled when paid", "is cancelled while it is being paid"):
            return found["state"] in BEFORE_SHIPPING and self._cancel(order)
        if (
            order.scenario != "is force-cancelled"
            or order.is_picked_up
            or not (self._chance(0.3) or found["state"] == "in_box")
        ):
            return False
        missing = [product_id for product_id in order.product_ids if self._chance(0.5)]
        if found["state"] in ("packed", "shipping", "in_box"):
            missing = order.product_ids
        path = f"/customer/v1/monitored-buying-orders/{order.id}/forced-cancellation"
        body = {"reason": "It is not on its shelf", "missing_product_ids": missing}
        response = self.send(self._manager, "POST", path, json=body, allowed=(409,))
        self.log_step(f"the manager force-cancels {order.name}, which is {found['state']}: {response.status_code}")
        return response.is_success

    def _pack(self, order: Order) -> bool:
        work_order_id = self._assign_work("packing", order.id, self._employee)
        if work_order_id is None or not self._create_and_scan_package(order.package, order.id, self._employee):
            return False
        path = f"/admin/v1/own-packing-orders/{work_order_id}/finish"
        response = self.send(self._employee, "POST", path, allowed=(404, 409))
        self.log_step(f"the employee packs {order.name}: {response.status_code}")
        return response.is_success

    def _start_shipping(self, order: Order) -> bool:
        if self._assign_work("shipping", order.id, self._deliveryman) is None:
            return False
        is_scanned = self._scan(order.package, self._deliveryman)
        if is_scanned:
            self.log_step(f"the deliveryman takes {order.name} for shipping")
        return is_scanned

    def _when_shipping(self, order: Order, found: Json) -> bool:
        if order.package.position == "box":
            return False
        if self._cancel_if_planned(order, found):
            return True
        if not self._use_door(self._deliveryman, order.id, is_occupied=True):
            return False
        self.log_step(f"the deliveryman puts {order.name} into its box")
        order.package.position = "box"
        return True

    def _when_in_box(self, order: Order, found: Json) -> bool:
        if order.is_picked_up:
            return False
        if order.scenario == "is not picked up":
            if order.is_pick_up_expired:
                return False
            self.log_step(f"nobody picks {order.name} up")
            self._stores.let_pick_up_end(order.id)
            order.is_pick_up_expired = True
            return True
        if self._cancel_if_planned(order, found):
            return True
        if not self._use_door(order.buyer, order.id, is_occupied=False):
            return False
        self.log_step(f"{self._name_of(order.buyer)} picks {order.name} up")
        order.is_picked_up, order.package.position = True, "delivered"
        return True

    # Returning.

    def _when_picked_up(self, order: Order, found: Json) -> bool:
        return self._advance_returns(order, found) or self._end_return_window(order, found)

    def _when_completed(self, order: Order, found: Json) -> bool:
        if self._advance_returns(order, found):
            return True
        order.is_finished = all(data["state"] in FINAL_RETURN_STATES for data in found["returns"])
        return False

    def _when_cancelled(self, order: Order, _data: Json) -> bool:
        """Collect and check a package that is in a box in spite of the cancellation."""
        package = order.package
        if package.position == "warehouse":
            check_result = {"result": self._random.choice(("good", "good", "bad"))}
            return self._check(package, order.id, order.name, check_result)
        if package.position in ("box", "van"):
            return self._collect(package, order.id, order.name) or self._trigger_collection_check()
        order.is_finished = True
        return False

    def _end_return_window(self, order: Order, found: Json) -> bool:
        unfinished = [data for data in found["returns"] if data["state"] not in FINAL_RETURN_STATES]
        is_waiting = any(data["state"] == "created" for data in unfinished)
        if order.is_return_window_closed or is_waiting or (unfinished and not self._chance(0.1)):
            return False
        self.log_step(f"{order.name} can no longer be returned")
        self._stores.let_return_window_close(order.id)
        order.is_return_window_closed = True
        return True

    def _advance_returns(self, order: Order, found: Json) -> bool:
        for data in self._random.sample(found["returns"], len(found["returns"])):
            purchase_return = order.returns.setdefault(data["id"], Return(data["id"], next(self._return_scenarios)))
            act: Callable[[Order, Return, Json], bool] | None = getattr(self, f"_when_return_{data['state']}", None)
            if act is not None and act(order, purchase_return, data):
                return True
        return found["state"] == "picked_up" and self._begin_return(order, found)

    def _begin_return(self, order: Order, found: Json) -> bool:
        in_return = {
            item["product_id"]
            for data in found["returns"]
            if data["state"] not in ("cancelled", "expired")
            for item in data["items"]
        }
        remaining = [product_id for product_id in order.product_ids if product_id not in in_return]
        if (
            not order.scenario.startswith("is returned")
            or not remaining
            or order.is_return_window_closed
            or len(order.returns) > 3
        ):
            return False
        chosen = remaining if order.scenario == "is returned" else remaining[:1]
        if (
            order.scenario == "is returned in parts"
            and len(remaining) == 1
            and len(order.prices) > 1
            and self._chance(0.5)
        ):
            return False  # the last product is kept
        return self._return(order, chosen)

    def _return(self, order: Order, product_ids: Sequence[str]) -> bool:
        body = {"order_id": order.id, "location_id": self._site.location_id, "product_ids": list(product_ids)}
        response = self.send(order.buyer, "POST", "/customer/v1/buying-returns", json=body, allowed=(409,))
        if response.is_success:
            scenario = next(self._return_scenarios)
            order.returns[response.json()["id"]] = Return(response.json()["id"], scenario)
            what = f"{len(product_ids)} of {len(order.prices)} products of {order.name}"
            self.log_step(f"{self._name_of(order.buyer)} returns {what}; it {scenario}")
        return response.is_success

    def _when_return_created(self, order: Order, purchase_return: Return, _data: Json) -> bool:
        if purchase_return.package.position == "box" or purchase_return.is_abandoned:
            return False
        if purchase_return.scenario == "is cancelled":
            path = f"/customer/v1/buying-returns/{purchase_return.id}/cancellation"
            response = self.send(order.buyer, "POST", path, allowed=(409,))
            self.log_step(f"{self._name_of(order.buyer)} keeps all products of {order.name} after all")
            return response.is_success
        if purchase_return.scenario == "is not deposited":
            self.log_step(f"nothing of {order.name} is deposited")
            self._stores.let_deposit_end(purchase_return.id)
            purchase_return.is_abandoned = True
            return True
        if not self._use_door(order.buyer, purchase_return.id, is_occupied=True):
            return False
        self.log_step(f"{self._name_of(order.buyer)} puts products of {order.name} into the box")
        purchase_return.package.position = "box"
        return True

    def _when_return_in_box(self, order: Order, purchase_return: Return, _data: Json) -> bool:
        return self._collect(purchase_return.package, purchase_return.id, f"the return of {order.name}")

    def _when_return_collected(self, order: Order, purchase_return: Return, data: Json) -> bool:
        if purchase_return.package.position != "warehouse":
            return False
        if purchase_return.scenario != "is lost":
            purchase_return.bad, check_result = _check_result(
                purchase_return.scenario, [item["product_id"] for item in data["items"]]
            )
            return self._check(
                purchase_return.package, purchase_return.id, f"the return of {order.name}", check_result
            )
        work_order_id = self._assign_work("checking", purchase_return.id, self._employee)
        if work_order_id is None:
            return False
        path = f"/admin/v1/checking-orders/{work_order_id}/fail"
        self.send(self._employee, "POST", path, json={"reason": "It is not in the warehouse"}, allowed=(404, 409))
        path = f"/customer/v1/monitored-buying-returns/{purchase_return.id}/forced-cancellation"
        self.send(self._manager, "POST", path, json={"reason": "The package cannot be found"})
        self.log_step(f"the manager force-cancels the return of {order.name}")
        purchase_return.package.position = "delivered"
        return True

    def _when_return_checked_bad(self, order: Order, purchase_return: Return, _data: Json) -> bool:
        price = sum(order.prices[product_id] for product_id in purchase_return.bad)
        amount = self._random.choice((0, price // 3, price))
        body = {
            "return_id": purchase_return.id,
            "contacted_at": rfc3339(now() - timedelta(minutes=1)),
            "channel": "phone",
            "refund": {"amount": amount, "currency": "EUR"},
        }
        response = self.send(self._employee, "POST", "/admin/v1/return-contacts", json=body, allowed=(409,))
        if response.is_success:
            self.log_step(f"{amount} of {price} are refunded for {order.name}")
        return response.is_success

    # Invalid actions.

    def try_invalid_action(self) -> None:
        """Try an action that is rejected in most states; the walk continues from its result."""
        if not self.orders:
            return
        order = self._random.choice(list(self.orders.values()))
        name = self._random.choice(
            (
                "cancel",
                "pay",
                "return",
                "force_cancel_return",
                "open_door",
                "scan",
                "cancel_order_of_another_buyer",
            )
        )
        getattr(self, f"_try_to_{name}")(order)

    def _try_to_cancel(self, order: Order) -> None:
        if (
            order.scenario in ("is kept", "is returned", "is not picked up")
            and not order.is_finished
            and self._chance(0.7)
        ):
            return  # few orders would get further
        self._cancel(order)

    def _try_to_pay(self, order: Order) -> None:
        if order.is_paid or order.is_finished:
            response = self.send(
                order.buyer,
                "POST",
                "/billing/v1/payments",
                json={"order_id": order.id, "method": "coins"},
                allowed=(409,),
            )
            result = response.json().get("state") or response.json()["type"].rpartition("/")[2]
            self.log_step(f"{self._name_of(order.buyer)} pays {order.name} again: {result}")

    def _try_to_return(self, order: Order) -> None:
        if not order.is_picked_up or order.is_finished:
            body = {"order_id": order.id, "location_id": self._site.location_id}
            response = self.send(order.buyer, "POST", "/customer/v1/buying-returns", json=body, allowed=(409,))
            self.log_step(
                f"{self._name_of(order.buyer)} returns {order.name} at the wrong time: {response.status_code}"
            )
            assert not response.is_success

    def _try_to_force_cancel_return(self, order: Order) -> None:
        for purchase_return in order.returns.values():
            path = f"/customer/v1/monitored-buying-returns/{purchase_return.id}/forced-cancellation"
            response = self.send(self._employee, "POST", path, json={"reason": "No reason"}, allowed=(403,))
            assert response.status_code == 403

    def _try_to_open_door(self, order: Order) -> None:
        stranger = self._other_buyer(order.buyer)
        assert not self._use_door(stranger, order.id, is_occupied=False), "a door opened for another buyer"

    def _try_to_scan(self, order: Order) -> None:
        if order.package.code and order.is_finished:
            response = self.send(
                self._employee,
                "POST",
                "/admin/v1/scans",
                json={"tracking_code": order.package.code},
                allowed=(403, 409),
            )
            assert not response.is_success

    def _try_to_cancel_order_of_another_buyer(self, order: Order) -> None:
        path = f"/customer/v1/buying-orders/{order.id}/cancellation"
        response = self.send(self._other_buyer(order.buyer), "POST", path, allowed=(404,))
        assert response.status_code == 404

    def _other_buyer(self, buyer: Customer) -> Customer:
        return self._random.choice([other for other in self._buyers if other is not buyer])

    # Choosing steps.

    def step(self) -> None:
        """Take a random step, most often the next step of an order."""
        acts: list[tuple[float, Callable[[], Any]]] = [
            (6.0, self.advance_an_order),
            (2.0, self.place_orders),
            (1.0, self.change_cart),
            (1.0, self.restock_products),
            (0.5, self.try_invalid_action),
            (0.2, self.change_price),
        ]
        [act] = self._random.choices([act for _, act in acts], [weight for weight, _ in acts])
        if act() is False and not (self.advance_an_order() or self.place_orders()):
            time.sleep(0.1)

    def finish(self, seconds: float) -> None:
        """Advance every order to its end, and publish the returned products again."""
        deadline = time.monotonic() + seconds
        while self.open_orders or self._returned_products():
            if not (self.advance_an_order() or self.restock_products()):
                time.sleep(0.2)
            assert time.monotonic() < deadline, (
                "; ".join(map(self._describe, self.open_orders)) or self._returned_products()
            )

    def _describe(self, order: Order) -> str:
        found = self.read_order(order)
        returns = [f"{order.returns[data['id']].scenario}: {data['state']}" for data in found["returns"]]
        return f"{order.name} ({order.id}) {order.scenario}, and is {found['state']} {returns} {order.package}"

    def _returned_products(self) -> list[str]:
        """The products that an employee has to resume."""
        products = self._stores.products(self.products)
        return [
            product_id
            for product_id, product in products.items()
            if product["state"] == "sold" and product.get("sale_ended_by")
        ]


def _check_result(scenario: str, product_ids: list[str]) -> tuple[list[str], Json]:
    """The bad products of a return, and the body of its check; of a mixed return the first product is bad."""
    if scenario == "is mixed":
        products = [{"product_id": product_id, "result": "good"} for product_id in product_ids]
        products[0] |= {"result": "bad", "reason": "A hole in it."}
        return product_ids[:1], {"products": products}
    return (product_ids, {"result": "bad"}) if scenario == "is bad" else ([], {"result": "good"})
