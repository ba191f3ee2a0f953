"""Buyers and staff who act at random through the gateways, from the cart to the end of the last return.

Each order gets a fate, so that each way through `domain.md` is gone; which step comes next, of which order, with
which products, and what people try besides, is chosen by the seed. A step that has to wait for news is left for
later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import httpx

from libs.chassis.clock import now, rfc3339
from tests.acceptance.purchase_people import Back, Order, People, patiently
from tests.acceptance.scene import Scene
from tests.support.disturber import Disturber
from tests.support.stores import Stores
from tools.demo.people import Customer, Json, idempotency_key

GOOD_CARD, DECLINED_CARD, CARD_WITH_CHECK = "4242424242424242", "4000000000000341", "4000002500003155"
FATES = (
    "is left unpaid",
    "is cancelled unpaid",
    "is cancelled while it is being paid",
    "lapses while it is being paid",
    "is cancelled when paid",
    "is cancelled when packed",
    "is given up",
    "is not picked up",
    "is kept",
    "is kept",
    "comes back",
    "comes back",
    "comes back in parts",
    "comes back in parts",
)
WAYS_BACK = ("is good", "is bad", "is good", "is lost", "is never put in", "is called off", "is mixed")
ENDED = frozenset({"expired", "cancelled", "completed"})
RETURN_ENDED = frozenset({"completed", "cancelled", "expired"})
BEFORE_SHIPPING = ("paid", "packing", "packed")
MOST_OPEN = 9


class Walk(People):
    """What becomes of the orders, and the choice of what is done next."""

    def __init__(
        self, seed: int, scene: Scene, buyers: Sequence[Customer], stores: Stores, disturber: Disturber
    ) -> None:
        super().__init__(seed, scene, buyers, stores)
        self._disturber = disturber
        self._fates, self._ways = self._dealt(FATES), self._dealt(WAYS_BACK)

    def _dealt(self, cards: Sequence[str]) -> Iterator[str]:
        """Cards of a shuffled pack, then of the next one: each comes up."""
        while True:
            yield from self._random.sample(cards, len(cards))

    # Orders.

    @property
    def open_orders(self) -> list[Order]:
        return [order for order in self.orders.values() if not order.is_over]

    def place_orders(self) -> bool:
        """One buyer, or several after the same product; False while enough is under way."""
        if len(self.open_orders) >= MOST_OPEN:
            return False
        on_sale = self.in_state("published")
        if not on_sale:
            self.stock(2)  # what is kept is gone
            return True
        if self._chance(0.3):
            self._race_for(self._random.choice(on_sale))
            return True
        buyer = self._random.choice(self._buyers)
        in_cart = sorted(self.carts[buyer].has & set(on_sale))
        wanted = self._random.sample(
            in_cart or on_sale, min(len(in_cart or on_sale), self._random.choice((1, 1, 2, 3)))
        )
        expected = None
        if self._chance(0.4):
            found = self._stores.products(wanted)
            total = sum(found[product_id]["price"]["amount"] for product_id in wanted)
            is_wrong = self._chance(0.3)
            expected = {"amount": total + is_wrong, "currency": "EUR"}
            answer = self._place(buyer, wanted, expected)
            assert answer.is_success != is_wrong, answer.text
        else:
            answer = self._place(buyer, wanted, None)
            assert answer.is_success, answer.text  # nobody else buys
        return True

    def _race_for(self, product_id: str) -> None:
        """Of several buyers at once, one has it."""
        racers = self._random.sample(self._buyers, 3)
        answers = list(self._pool.map(lambda buyer: self._asked_to_place(buyer, [product_id], None), racers))
        self.say(f"three buyers at once are after {product_id}: {[answer.status_code for answer in answers]}")
        assert [answer.status_code for answer in answers].count(201) == 1, [answer.text for answer in answers]
        for buyer, answer in zip(racers, answers, strict=True):
            if answer.is_success:
                self._note(buyer, answer.json())

    def _place(self, buyer: Customer, wanted: list[str], expected: Json | None) -> httpx.Response:
        answer = self._asked_to_place(buyer, wanted, expected)
        if answer.is_success:
            self._note(buyer, answer.json())
        else:
            self.say(f"{self._called(buyer)} is refused {', '.join(wanted)}: {answer.json()['type']}")
        return answer

    def _asked_to_place(self, buyer: Customer, wanted: list[str], expected: Json | None) -> httpx.Response:
        body: Json = {"product_ids": wanted, "pickup_location_id": self._scene.location_id}
        body |= {"expected_total": expected} if expected else {}
        more = {"json": body, "headers": idempotency_key()}
        return self._answer(buyer, "POST", "/customer/v1/buying-orders", (201, 409), more)

    def _note(self, buyer: Customer, placed: Json) -> None:
        prices = {item["product_id"]: item["price"]["amount"] for item in placed["items"]}
        number = len(self.orders) + 1
        order = Order(placed["id"], buyer, prices, next(self._fates), f"order {number}")
        self.orders[order.id] = order
        self.carts[buyer].order(order.product_ids)
        whose = f"{self._called(buyer)} places {order.name}"
        self.say(f"{whose} ({order.id}, {len(prices)} for {sum(prices.values())}); it {order.fate}")

    def go_on(self) -> bool:
        """The next step of some order; False when all of them wait for news."""
        waiting = self.open_orders
        self._random.shuffle(waiting)
        return any(self._go_on_with(order) for order in waiting)

    def whole(self, order: Order) -> Json:
        path = f"/customer/v1/monitored-buying-orders/{order.id}"
        found: Json = self.ask(self._manager, "GET", path).json()
        return found

    def _go_on_with(self, order: Order) -> bool:
        found = self.whole(order)
        act: Callable[[Order, Json], bool] = getattr(self, f"_when_{found['state']}")
        return act(order, found)

    # Paying.

    def _when_placed(self, order: Order, _found: Json) -> bool:
        if order.is_paid or order.has_lapsed:
            return False
        if order.fate == "is left unpaid":
            if order.tried_to_pay == 0 and self._chance(0.5):
                return self._pay(order, self._random.choice((DECLINED_CARD, CARD_WITH_CHECK)))
            self._let_lapse(order)
            return True
        if order.fate == "is cancelled unpaid":
            return self._cancel(order)
        if order.fate in ("is cancelled while it is being paid", "lapses while it is being paid"):
            with self._disturber.paused("shopping"):  # it hears of the payment when the hold is gone
                paid = self._pay(order, GOOD_CARD)
                if order.fate == "is cancelled while it is being paid":
                    self._cancel(order)
                else:
                    self._let_lapse(order)
                    self._take_over(order)
            return paid
        card = self._random.choice((GOOD_CARD, GOOD_CARD, GOOD_CARD, DECLINED_CARD, CARD_WITH_CHECK))
        return self._pay(order, None if self._chance(0.35) else card if order.tried_to_pay < 2 else GOOD_CARD)

    def _let_lapse(self, order: Order) -> None:
        self.say(f"the time to pay {order.name} is over")
        self._stores.let_hold_lapse(order.id)
        order.has_lapsed = True

    def _take_over(self, order: Order) -> None:
        """Somebody else is after the same piece, and need not wait for the lapse to be heard of."""
        answer = self._place(self._another_than(order.buyer), order.product_ids[:1], None)
        assert answer.is_success, answer.text

    def _pay(self, order: Order, card: str | None) -> bool:
        body = {"order_id": order.id, "method": "coins"}
        if card is not None:
            body = {
                "order_id": order.id,
                "method": "card",
                "payment_method": patiently(lambda: order.buyer.card(card)),
            }
        order.tried_to_pay += 1
        answer = self.ask(order.buyer, "POST", "/billing/v1/payments", json=body, may=(402, 409))
        payment = answer.json()
        if answer.is_success and payment["state"] == "requires_action":
            payment = self._let_bank_check(order, payment)
        told = payment.get("state") or payment["type"].rpartition("/")[2]
        self.say(f"{self._called(order.buyer)} pays {order.name} by {card or 'coins'}: {told}")
        order.is_paid = told in ("authorized", "capturing", "captured", "already-being-paid")
        return True

    def _let_bank_check(self, order: Order, payment: Json) -> Json:
        """The buyer passes the bank's check, fails it, or leaves it alone."""
        kind = self._random.choice(("passes", "passes", "fails", "leaves"))
        if kind == "leaves":
            return payment
        secret = payment["client_secret"]
        known = self.ask(order.buyer, "GET", "/billing/v1/payment-configuration").json()
        success = str(kind == "passes").lower()
        form = {"client_secret": secret, "success": success, "key": known["publishable_key"]}
        url = f"{known['api_base']}/v1/payment_intents/{secret.partition('_secret_')[0]}/_authenticate"
        httpx.post(url, data=form, timeout=30).raise_for_status()
        path = f"/billing/v1/payments/{payment['id']}/confirmation"
        after: Json = self.ask(order.buyer, "POST", path, may=(402, 409)).json()
        return after

    def _cancel(self, order: Order) -> bool:
        path = f"/customer/v1/buying-orders/{order.id}/cancellation"
        answer = self.ask(order.buyer, "POST", path, may=(409,))
        told = answer.json().get("state") or answer.json()["type"].rpartition("/")[2]
        self.say(f"{self._called(order.buyer)} cancels {order.name}: {told}")
        return answer.is_success

    def _when_expired(self, order: Order, _found: Json) -> bool:
        order.is_over = True
        return False

    # Forward.

    def _when_paid(self, order: Order, found: Json) -> bool:
        return self._may_end(order, found) or self._pack(order)

    def _when_packing(self, order: Order, found: Json) -> bool:
        return self._may_end(order, found) or self._pack(order)

    def _when_packed(self, order: Order, found: Json) -> bool:
        if order.fate == "is cancelled when packed":
            return self._cancel(order)
        return self._may_end(order, found) or self._take_along(order)

    def _may_end(self, order: Order, found: Json) -> bool:
        """A paid order is cancelled; or a manager gives it up, wherever it is by then."""
        if order.fate in ("is cancelled when paid", "is cancelled while it is being paid"):
            return found["state"] in BEFORE_SHIPPING and self._cancel(order)
        if (
            order.fate != "is given up"
            or order.is_taken_out
            or not (self._chance(0.3) or found["state"] == "in_box")
        ):
            return False
        missing = [product_id for product_id in order.product_ids if self._chance(0.5)]
        if found["state"] in ("packed", "shipping", "in_box"):
            missing = order.product_ids
        path = f"/customer/v1/monitored-buying-orders/{order.id}/forced-cancellation"
        body = {"reason": "It is not on its shelf", "missing_product_ids": missing}
        answer = self.ask(self._manager, "POST", path, json=body, may=(409,))
        self.say(f"the manager gives {order.name} up, which is {found['state']}: {answer.status_code}")
        return answer.is_success

    def _pack(self, order: Order) -> bool:
        work_order_id = self._work("packing", order.id, self._employee)
        if work_order_id is None or not self._label(order.parcel, order.id, self._employee):
            return False
        path = f"/admin/v1/own-packing-orders/{work_order_id}/finish"
        answer = self.ask(self._employee, "POST", path, may=(404, 409))
        self.say(f"the employee packs {order.name}: {answer.status_code}")
        return answer.is_success

    def _take_along(self, order: Order) -> bool:
        if self._work("shipping", order.id, self._deliveryman) is None:
            return False
        is_scanned = self._scan(order.parcel, self._deliveryman)
        if is_scanned:
            self.say(f"the deliveryman takes {order.name} along")
        return is_scanned

    def _when_shipping(self, order: Order, found: Json) -> bool:
        if order.parcel.place == "box":
            return False
        if self._may_end(order, found):
            return True
        if not self._use_door(self._deliveryman, order.id, is_occupied=True):
            return False
        self.say(f"the deliveryman puts {order.name} into its box")
        order.parcel.place = "box"
        return True

    def _when_in_box(self, order: Order, found: Json) -> bool:
        if order.is_taken_out:
            return False
        if order.fate == "is not picked up":
            if order.is_past_pick_up:
                return False
            self.say(f"nobody picks {order.name} up")
            self._stores.let_pick_up_end(order.id)
            order.is_past_pick_up = True
            return True
        if self._may_end(order, found):
            return True
        if not self._use_door(order.buyer, order.id, is_occupied=False):
            return False
        self.say(f"{self._called(order.buyer)} picks {order.name} up")
        order.is_taken_out, order.parcel.place = True, "elsewhere"
        return True

    # Backward.

    def _when_picked_up(self, order: Order, found: Json) -> bool:
        return self._go_on_with_returns(order, found) or self._end_window(order, found)

    def _when_completed(self, order: Order, found: Json) -> bool:
        if self._go_on_with_returns(order, found):
            return True
        order.is_over = all(made["state"] in RETURN_ENDED for made in found["returns"])
        return False

    def _when_cancelled(self, order: Order, _found: Json) -> bool:
        """What lies in a box all the same is collected and checked."""
        parcel = order.parcel
        if parcel.place == "at the check":
            verdict = {"result": self._random.choice(("good", "good", "bad"))}
            return self._check(parcel, order.id, order.name, verdict)
        if parcel.place in ("box", "van"):
            return self._collect(parcel, order.id, order.name) or self._ask_for_collection()
        order.is_over = True
        return False

    def _end_window(self, order: Order, found: Json) -> bool:
        under_way = [made for made in found["returns"] if made["state"] not in RETURN_ENDED]
        is_waiting = any(made["state"] == "created" for made in under_way)
        if order.is_past_return or is_waiting or (under_way and not self._chance(0.1)):
            return False
        self.say(f"{order.name} can no longer be returned")
        self._stores.let_return_window_close(order.id)
        order.is_past_return = True
        return True

    def _go_on_with_returns(self, order: Order, found: Json) -> bool:
        for made in self._random.sample(found["returns"], len(found["returns"])):
            known = order.returns.setdefault(made["id"], Back(made["id"], next(self._ways)))
            act: Callable[[Order, Back, Json], bool] | None = getattr(self, f"_back_{made['state']}", None)
            if act is not None and act(order, known, made):
                return True
        return found["state"] == "picked_up" and self._begin_return(order, found)

    def _begin_return(self, order: Order, found: Json) -> bool:
        in_return = {
            item["product_id"]
            for made in found["returns"]
            if made["state"] not in ("cancelled", "expired")
            for item in made["items"]
        }
        left = [product_id for product_id in order.product_ids if product_id not in in_return]
        if not order.fate.startswith("comes back") or not left or order.is_past_return or len(order.returns) > 3:
            return False
        chosen = left if order.fate == "comes back" else left[:1]
        if order.fate == "comes back in parts" and len(left) == 1 and len(order.prices) > 1 and self._chance(0.5):
            return False  # the last piece stays
        return self._return(order, chosen)

    def _return(self, order: Order, product_ids: Sequence[str]) -> bool:
        body = {"order_id": order.id, "location_id": self._scene.location_id, "product_ids": list(product_ids)}
        answer = self.ask(order.buyer, "POST", "/customer/v1/buying-returns", json=body, may=(409,))
        if answer.is_success:
            way = next(self._ways)
            order.returns[answer.json()["id"]] = Back(answer.json()["id"], way)
            what = f"{len(product_ids)} of {len(order.prices)} pieces of {order.name}"
            self.say(f"{self._called(order.buyer)} returns {what}; it {way}")
        return answer.is_success

    def _back_created(self, order: Order, back: Back, _made: Json) -> bool:
        if back.parcel.place == "box" or back.is_left_alone:
            return False
        if back.way == "is called off":
            path = f"/customer/v1/buying-returns/{back.id}/cancellation"
            answer = self.ask(order.buyer, "POST", path, may=(409,))
            self.say(f"{self._called(order.buyer)} keeps the pieces of {order.name} after all")
            return answer.is_success
        if back.way == "is never put in":
            self.say(f"nothing of {order.name} is put into the box")
            self._stores.let_deposit_end(back.id)
            back.is_left_alone = True
            return True
        if not self._use_door(order.buyer, back.id, is_occupied=True):
            return False
        self.say(f"{self._called(order.buyer)} puts pieces of {order.name} into the box")
        back.parcel.place = "box"
        return True

    def _back_in_box(self, order: Order, back: Back, _made: Json) -> bool:
        return self._collect(back.parcel, back.id, f"what comes back of {order.name}")

    def _back_collected(self, order: Order, back: Back, made: Json) -> bool:
        if back.parcel.place != "at the check":
            return False
        if back.way != "is lost":
            back.bad, verdict = _verdict(back.way, [item["product_id"] for item in made["items"]])
            return self._check(back.parcel, back.id, f"what came back of {order.name}", verdict)
        work_order_id = self._work("checking", back.id, self._employee)
        if work_order_id is None:
            return False
        path = f"/admin/v1/checking-orders/{work_order_id}/fail"
        self.ask(self._employee, "POST", path, json={"reason": "It is not in the warehouse"}, may=(404, 409))
        path = f"/customer/v1/monitored-buying-returns/{back.id}/forced-cancellation"
        self.ask(self._manager, "POST", path, json={"reason": "The bag is nowhere"})
        self.say(f"the manager gives up what came back of {order.name}")
        back.parcel.place = "elsewhere"
        return True

    def _back_checked_bad(self, order: Order, back: Back, _made: Json) -> bool:
        price = sum(order.prices[product_id] for product_id in back.bad)
        amount = self._random.choice((0, price // 3, price))
        body = {
            "return_id": back.id,
            "contacted_at": rfc3339(now() - timedelta(minutes=1)),
            "channel": "phone",
            "refund": {"amount": amount, "currency": "EUR"},
        }
        answer = self.ask(self._employee, "POST", "/admin/v1/return-contacts", json=body, may=(409,))
        if answer.is_success:
            self.say(f"{amount} of {price} go back for {order.name}")
        return answer.is_success

    # What people try besides.

    def try_something(self) -> None:
        """Mostly it is refused; when it is not, the walk goes on from there."""
        if not self.orders:
            return
        order = self._random.choice(list(self.orders.values()))
        name = self._random.choice(("cancel", "pay", "return", "give up", "open", "scan", "of another"))
        getattr(self, f"_try_to_{name.replace(' ', '_')}")(order)

    def _try_to_cancel(self, order: Order) -> None:
        if order.fate in ("is kept", "comes back", "is not picked up") and not order.is_over and self._chance(0.7):
            return  # it would get nowhere else
        self._cancel(order)

    def _try_to_pay(self, order: Order) -> None:
        if order.is_paid or order.is_over:
            answer = self.ask(
                order.buyer,
                "POST",
                "/billing/v1/payments",
                json={"order_id": order.id, "method": "coins"},
                may=(409,),
            )
            told = answer.json().get("state") or answer.json()["type"].rpartition("/")[2]
            self.say(f"{self._called(order.buyer)} pays {order.name} again: {told}")

    def _try_to_return(self, order: Order) -> None:
        if not order.is_taken_out or order.is_over:
            body = {"order_id": order.id, "location_id": self._scene.location_id}
            answer = self.ask(order.buyer, "POST", "/customer/v1/buying-returns", json=body, may=(409,))
            self.say(f"{self._called(order.buyer)} returns {order.name} at the wrong time: {answer.status_code}")
            assert not answer.is_success

    def _try_to_give_up(self, order: Order) -> None:
        for back in order.returns.values():
            path = f"/customer/v1/monitored-buying-returns/{back.id}/forced-cancellation"
            answer = self.ask(self._employee, "POST", path, json={"reason": "No reason"}, may=(403,))
            assert answer.status_code == 403

    def _try_to_open(self, order: Order) -> None:
        stranger = self._another_than(order.buyer)
        assert not self._use_door(stranger, order.id, is_occupied=False), "only the own door opens"

    def _try_to_scan(self, order: Order) -> None:
        if order.parcel.code and order.is_over:
            answer = self.ask(
                self._employee, "POST", "/admin/v1/scans", json={"tracking_code": order.parcel.code}, may=(403, 409)
            )
            assert not answer.is_success

    def _try_to_of_another(self, order: Order) -> None:
        path = f"/customer/v1/buying-orders/{order.id}/cancellation"
        answer = self.ask(self._another_than(order.buyer), "POST", path, may=(404,))
        assert answer.status_code == 404

    def _another_than(self, buyer: Customer) -> Customer:
        return self._random.choice([other for other in self._buyers if other is not buyer])

    # One step, and the end.

    def step(self) -> None:
        """Something that somebody can do now; orders go on most often."""
        acts: list[tuple[float, Callable[[], Any]]] = [
            (6.0, self.go_on),
            (2.0, self.place_orders),
            (1.0, self.use_a_cart),
            (1.0, self.tend_the_shelves),
            (0.5, self.try_something),
            (0.2, self.change_a_price),
        ]
        [act] = self._random.choices([act for _, act in acts], [weight for weight, _ in acts])
        if act() is False and not (self.go_on() or self.place_orders()):
            time.sleep(0.1)

    def finish(self, seconds: float) -> None:
        """Every order goes the rest of its way, and what came back is taken into the shop again."""
        deadline = time.monotonic() + seconds
        while self.open_orders or self._came_back():
            if not (self.go_on() or self.tend_the_shelves()):
                time.sleep(0.2)
            assert time.monotonic() < deadline, "; ".join(map(self._where, self.open_orders)) or self._came_back()

    def _where(self, order: Order) -> str:
        found = self.whole(order)
        returns = [f"{order.returns[made['id']].way}: {made['state']}" for made in found["returns"]]
        return f"{order.name} ({order.id}) {order.fate}, and is {found['state']} {returns} {order.parcel}"

    def _came_back(self) -> list[str]:
        """Pieces that an employee has to resume."""
        found = self._stores.products(self.products)
        return [name for name, one in found.items() if one["state"] == "sold" and one.get("sale_ended_by")]


def _verdict(way: str, product_ids: list[str]) -> tuple[list[str], Json]:
    """Which pieces of a return are bad, and how the employee says so; of a mixed one the first is."""
    if way == "is mixed":
        pieces = [{"product_id": product_id, "result": "good"} for product_id in product_ids]
        pieces[0] |= {"result": "bad", "reason": "A hole in it."}
        return product_ids[:1], {"products": pieces}
    return (product_ids, {"result": "bad"}) if way == "is bad" else ([], {"result": "good"})
