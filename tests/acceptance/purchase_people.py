"""The people of a walk: what buyers and staff can do through the gateways, with the shop, carts, work and doors."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import httpx

from tests.acceptance.conftest import coat
from tests.acceptance.scene import Scene
from tests.support.stores import Stores
from tools.box_simulator.controller import Door
from tools.demo.people import Actor, Customer, Json, Staff, UnexpectedResponse, idempotency_key

T = TypeVar("T")
REFUSALS = (402, 403, 404, 409, 422)
PRICES = (300, 9900)
PATIENCE_SECONDS = 60.0
TWICE = 0.15  # so many of the requests are sent twice


@dataclass
class Parcel:
    """Clothes on their way: those of an order, or of a return. `place` is where they lie."""

    code: str = ""
    place: Literal["elsewhere", "box", "van", "at the check"] = "elsewhere"


@dataclass
class Back:
    """A return, and what becomes of it."""

    id: str
    way: str
    parcel: Parcel = field(default_factory=Parcel)
    is_left_alone: bool = False
    bad: list[str] = field(default_factory=list)


@dataclass
class Order:
    """What the walk knows of an order."""

    id: str
    buyer: Customer
    prices: dict[str, int]
    fate: str
    name: str
    parcel: Parcel = field(default_factory=Parcel)
    returns: dict[str, Back] = field(default_factory=dict)
    tried_to_pay: int = 0
    is_paid: bool = False
    is_taken_out: bool = False
    has_lapsed: bool = False
    is_past_pick_up: bool = False
    is_past_return: bool = False
    is_over: bool = False

    @property
    def product_ids(self) -> list[str]:
        return list(self.prices)


@dataclass
class KnownCart:
    """What a cart can have in it, after what its owner was told.

    What was ordered goes out when that is heard of.
    """

    has: set[str] = field(default_factory=set)
    may_have: set[str] = field(default_factory=set)
    put_again: set[str] = field(default_factory=set)

    def put(self, product_id: str) -> None:
        self.put_again.add(product_id)
        if product_id not in self.may_have:
            self.has.add(product_id)

    def take_out(self, product_id: str) -> None:
        self.has.discard(product_id)
        self.may_have.discard(product_id)

    def order(self, product_ids: Sequence[str]) -> None:
        ordered = self.has & set(product_ids)
        self.put_again -= ordered
        self.has -= ordered
        self.may_have |= ordered

    def check(self, answer: Json) -> None:
        """The answer has all that was acknowledged, and nothing else."""
        seen = {item["product_id"] for item in answer["items"]}
        assert self.has <= seen <= self.has | self.may_have, (sorted(seen), self)
        self.may_have &= seen


class People:
    """Buyers and staff, and what they were told."""

    def __init__(self, seed: int, scene: Scene, buyers: Sequence[Customer], stores: Stores) -> None:
        self._random = random.Random(seed)
        self._scene, self._stores = scene, stores
        self._manager, self._employee, self._deliveryman = scene.manager, scene.employee, scene.deliveryman
        people: list[Actor] = [scene.employee, scene.deliveryman, *buyers]
        self._ids = {person: person.user_id for person in people}
        self._pool = ThreadPoolExecutor(3)
        self._begun = time.monotonic()
        self.steps = 0
        self._buyers = list(buyers)
        self.products: set[str] = set()
        self.orders: dict[str, Order] = {}
        self.carts = {buyer: KnownCart() for buyer in buyers}
        self.refused = 0

    def close(self) -> None:
        self._pool.shutdown()

    def id_of(self, person: Actor) -> str:
        return self._ids[person]

    def _chance(self, of_one: float) -> bool:
        return self._random.random() < of_one

    def say(self, what: str) -> None:
        """Pytest shows it when the walk fails."""
        self.steps += 1
        print(f"{self.steps:4d} {time.monotonic() - self._begun:6.1f} s  {what}")

    # Asking as a client does: what came to nothing is asked again, with the same key.

    def ask(
        self, person: Actor, method: str, path: str, *, may: tuple[int, ...] = (), **more: Any
    ) -> httpx.Response:
        """The answer, which is a good one or a refusal that is allowed here."""
        if method == "POST":
            more["headers"] = more.get("headers", {}) | idempotency_key()
        answer = self._answer(person, method, path, (200, 201, 202, 204, *may), more)
        if method == "POST" and answer.is_success and self._chance(TWICE):
            again = self._answer(person, method, path, (200, 201, 202, 204, *REFUSALS), more)
            if again.is_success and "id" in answer.json():
                assert again.json()["id"] == answer.json()["id"], "twice is once"
        self.refused += not answer.is_success
        return answer

    @staticmethod
    def _answer(
        person: Actor, method: str, path: str, expect: tuple[int, ...], more: dict[str, Any]
    ) -> httpx.Response:
        return patiently(lambda: person.call(method, path, expect=expect, **more))

    # The shop.

    def stock(self, count: int) -> None:
        """New products on sale."""
        titles = [f"Walked coat {len(self.products) + number + 1}" for number in range(count)]
        self.products |= set(self._pool.map(self._new_product, titles, [self._a_price() for _ in titles]))

    def _new_product(self, title: str, price: int) -> str:
        product, _ = patiently(lambda: self._employee.create_product(**coat(title=title)))
        product_id: str = product["id"]
        self._put_on_sale(product_id, price)
        return product_id

    def _a_price(self) -> int:
        return self._random.randint(*PRICES)

    def _put_on_sale(self, product_id: str, price: int) -> None:
        self._set_price(product_id, price)
        patiently(lambda: self._manager.publish(product_id))

    def _set_price(self, product_id: str, price: int) -> None:
        patiently(lambda: self._manager.set_price(product_id, price))

    def in_state(self, *states: str) -> list[str]:
        found = self._stores.products(self.products)
        return sorted(product_id for product_id, one in found.items() if one["state"] in states)

    def tend_the_shelves(self) -> bool:
        """A piece that is back is resumed, priced and published; one that is on sale gets another price."""
        found = self._stores.products(self.products)
        drafts = [name for name, one in found.items() if one["state"] in ("draft", "priced")]
        back = [name for name, one in found.items() if one["state"] == "sold" and one.get("sale_ended_by")]
        back = [name for name in back if not self._is_away(found[name]["sale_ended_by"])]
        if back:
            product_id = self._random.choice(sorted(back))
            self.say(f"the employee resumes {product_id}")
            path = f"/shopping/v1/inventory/{product_id}/resumption"
            self.ask(self._employee, "POST", path, may=(409,))
        elif drafts:
            product_id = self._random.choice(sorted(drafts))
            self.say(f"the manager puts {product_id} on sale again")
            self._put_on_sale(product_id, self._a_price())
        else:
            return False
        return True

    def _is_away(self, sale_ended_by: str) -> bool:
        """Whether the clothes are in a box, or in a package that nobody has checked."""
        for order in self.orders.values():
            parcels = {order.id: order.parcel} | {made.id: made.parcel for made in order.returns.values()}
            parcel = parcels.get(sale_ended_by)
            if parcel is not None:
                return parcel.place != "elsewhere"
        return False

    def change_a_price(self) -> None:
        on_sale = self.in_state("published")
        if on_sale:
            product_id = self._random.choice(on_sale)
            self.say(f"the manager changes the price of {product_id}")
            self._set_price(product_id, self._a_price())

    # Carts.

    def use_a_cart(self) -> None:
        buyer = self._random.choice(self._buyers)
        product_id, known = self._random.choice(sorted(self.products)), self.carts[buyer]
        path = f"/shopping/v1/cart/items/{product_id}"
        in_it = known.has | known.may_have
        if in_it and self._chance(0.4):
            product_id = self._random.choice(sorted(in_it))
            self.say(f"{self._called(buyer)} takes {product_id} out of the cart")
            answer = self.ask(buyer, "DELETE", f"/shopping/v1/cart/items/{product_id}")
            known.take_out(product_id)
        else:
            self.say(f"{self._called(buyer)} puts {product_id} into the cart")
            answer = self.ask(buyer, "PUT", path, may=(404, 409))
            if not answer.is_success:
                return
            known.put(product_id)
        known.check(answer.json())

    def check_carts(self) -> None:
        for buyer, known in self.carts.items():
            known.check(self.ask(buyer, "GET", "/shopping/v1/cart").json())

    def _called(self, buyer: Customer) -> str:
        return f"buyer {self._buyers.index(buyer) + 1}"

    # Work.

    def _work(self, kind: str, subject: str, person: Staff) -> str | None:
        """The work order of this kind, which this person is given; None while it is not at work."""
        query = {"kind": kind, "order_id": subject}
        items = self.ask(self._manager, "GET", "/admin/v1/work-orders", params=query).json()["items"]
        if not items or items[0]["state"] not in ("assigned", "in_progress"):
            return None
        work_order_id: str = items[0]["id"]
        if items[0]["assignee_id"] != self._ids[person]:
            path = f"/admin/v1/work-orders/{work_order_id}/assignee"
            given = self.ask(self._manager, "PUT", path, json={"assignee_id": self._ids[person]}, may=(409,))
            return work_order_id if given.is_success else None
        return work_order_id

    def _label(self, parcel: Parcel, subject: str, person: Staff) -> bool:
        """The package is made and its code scanned."""
        made = self.ask(person, "POST", "/admin/v1/packages", json={"order_id": subject}, may=(404,))
        if made.is_success:
            parcel.code = made.json()["tracking_code"]
        return made.is_success and self._scan(parcel, person)

    def _scan(self, parcel: Parcel, person: Staff) -> bool:
        answer = self.ask(person, "POST", "/admin/v1/scans", json={"tracking_code": parcel.code}, may=(403, 409))
        return answer.is_success or answer.json()["type"].endswith("/already-scanned")

    def _collect(self, parcel: Parcel, subject: str, name: str) -> bool:
        """The deliveryman empties the box, makes the package and scans it."""
        if parcel.place == "at the check" or self._work("collecting", subject, self._deliveryman) is None:
            return False
        if parcel.place == "box":
            if not self._use_door(self._deliveryman, subject, is_occupied=False):
                return False
            self.say(f"the deliveryman takes {name} out of the box")
            parcel.place = "van"
        elif self._label(parcel, subject, self._deliveryman):
            self.say(f"the deliveryman collects {name}")
            parcel.place = "at the check"
        else:
            return False
        return True

    def _check(self, parcel: Parcel, subject: str, name: str, verdict: Json) -> bool:
        work_order_id = self._work("checking", subject, self._employee)
        if work_order_id is None or not self._scan(parcel, self._employee):
            return False
        path = f"/admin/v1/checking-orders/{work_order_id}/result"
        body = verdict | {"notes": "As described."}
        answer = self.ask(self._employee, "POST", path, json=body, may=(404, 409))
        found = verdict.get("result") or [piece["result"] for piece in verdict["products"]]
        self.say(f"the employee checks {name}: {found}, {answer.status_code}")
        if answer.is_success:
            parcel.place = "elsewhere"
        return answer.is_success

    # Doors.

    def _use_door(self, person: Actor, subject: str, *, is_occupied: bool) -> bool:
        """Open the door of an order and close it again; False while the person has no right to it."""
        controller = self._scene.controller
        self._close(patiently(controller.sync), set(), is_occupied=False)  # what was left, and that it is there
        wanted = {"code": controller.code(), "order_id": subject}
        answer = self._answer(person, "POST", "/locker/v1/openings", (200, 404, 409), {"json": wanted})
        if not answer.is_success:
            return False
        mine = {one["box_id"] for one in answer.json()["openings"]}
        return self._close(patiently(controller.sync), mine, is_occupied=is_occupied)

    def _close(self, doors: Sequence[Door], mine: set[str], *, is_occupied: bool) -> bool:
        """Close the doors; one that nobody stands at (its answer was lost) with what was in it before."""
        for door in doors:
            self._shut(door, is_occupied=is_occupied if door.id in mine else door.is_occupied)
        return bool({door.id for door in doors} & mine)

    def _shut(self, door: Door, *, is_occupied: bool) -> None:
        """Closed, and told as soon as somebody listens."""
        try:
            self._scene.controller.close_door(door, is_occupied=is_occupied)
        except (UnexpectedResponse, httpx.TransportError):
            patiently(self._scene.controller.sync)

    def _ask_for_collection(self) -> bool:
        """The controller's next news is the moment to look at what waits in the boxes."""
        self._scene.controller.go_offline()
        patiently(self._scene.controller.go_online)
        return False


def patiently(call: Callable[[], T]) -> T:
    """As a client does: a service that is busy, or does not answer, is asked the same once more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except (httpx.TransportError, UnexpectedResponse) as error:
            is_busy = isinstance(error, httpx.TransportError) or error.response.status_code in (429, 503)
            if not is_busy or time.monotonic() > deadline:
                raise
        time.sleep(0.5)
