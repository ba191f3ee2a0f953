"""Actions of buyers and staff through the gateways: products, carts, work orders and doors."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import httpx

from tests.acceptance.site import Site, product_fields
from tests.support.stores import Stores
from tools.box_simulator.controller import Door
from tools.demo.people import Actor, Customer, Json, Staff, UnexpectedResponse, idempotency_key

T = TypeVar("T")
CLIENT_ERRORS = (402, 403, 404, 409, 422)
PRICES = (300, 9900)
RETRY_SECONDS = 60.0
DUPLICATE_RATE = 0.15  # the share of requests that are sent twice


@dataclass
class TrackedPackage:
    """The clothes of an order or a return, and where they are."""

    code: str = ""
    position: Literal["delivered", "box", "van", "warehouse"] = "delivered"


@dataclass
class Return:
    """A return of (a part of) an order, and the scenario that it follows."""

    id: str
    scenario: str
    package: TrackedPackage = field(default_factory=TrackedPackage)
    is_abandoned: bool = False
    bad: list[str] = field(default_factory=list)


@dataclass
class Order:
    """An order, the scenario that it follows, and how far it has come."""

    id: str
    buyer: Customer
    prices: dict[str, int]
    scenario: str
    name: str
    package: TrackedPackage = field(default_factory=TrackedPackage)
    returns: dict[str, Return] = field(default_factory=dict)
    payment_attempts: int = 0
    is_paid: bool = False
    is_picked_up: bool = False
    is_hold_expired: bool = False
    is_pick_up_expired: bool = False
    is_return_window_closed: bool = False
    is_finished: bool = False

    @property
    def product_ids(self) -> list[str]:
        return list(self.prices)


@dataclass
class ExpectedCart:
    """The contents of a cart that its acknowledged changes allow.

    Ordered products are removed when shopping has received the event of the order, so until then they are possible.
    """

    certain: set[str] = field(default_factory=set)
    possible: set[str] = field(default_factory=set)
    added_again: set[str] = field(default_factory=set)

    def add(self, product_id: str) -> None:
        self.added_again.add(product_id)
        if product_id not in self.possible:
            self.certain.add(product_id)

    def remove(self, product_id: str) -> None:
        self.certain.discard(product_id)
        self.possible.discard(product_id)

    def order(self, product_ids: Sequence[str]) -> None:
        ordered = self.certain & set(product_ids)
        self.added_again -= ordered
        self.certain -= ordered
        self.possible |= ordered

    def check(self, response: Json) -> None:
        """Assert that the cart has all certain products and only possible ones besides."""
        present = {item["product_id"] for item in response["items"]}
        assert self.certain <= present <= self.certain | self.possible, (sorted(present), self)
        self.possible &= present


class PurchaseActors:
    """Buyers and staff, and the state that follows from the responses they got."""

    def __init__(self, seed: int, site: Site, buyers: Sequence[Customer], stores: Stores) -> None:
        self._random = random.Random(seed)
        self._site, self._stores = site, stores
        self._manager, self._employee, self._deliveryman = site.manager, site.employee, site.deliveryman
        people: list[Actor] = [site.employee, site.deliveryman, *buyers]
        self._ids = {person: person.user_id for person in people}
        self._pool = ThreadPoolExecutor(3)
        self._started = time.monotonic()
        self.steps = 0
        self._buyers = list(buyers)
        self.products: set[str] = set()
        self.orders: dict[str, Order] = {}
        self.carts = {buyer: ExpectedCart() for buyer in buyers}
        self.rejections = 0

    def close(self) -> None:
        self._pool.shutdown()

    def id_of(self, person: Actor) -> str:
        return self._ids[person]

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def log_step(self, text: str) -> None:
        """Print a step, which pytest shows when the walk fails."""
        self.steps += 1
        print(f"{self.steps:4d} {time.monotonic() - self._started:6.1f} s  {text}")

    # Requests are retried with the same idempotency key, as a client does.

    def send(
        self, person: Actor, method: str, path: str, *, allowed: tuple[int, ...] = (), **options: Any
    ) -> httpx.Response:
        """Send a request, sometimes twice; the response succeeds or has one of the allowed statuses."""
        if method == "POST":
            options["headers"] = options.get("headers", {}) | idempotency_key()
        response = self._send_with_retry(person, method, path, (200, 201, 202, 204, *allowed), options)
        if method == "POST" and response.is_success and self._chance(DUPLICATE_RATE):
            duplicate = self._send_with_retry(person, method, path, (200, 201, 202, 204, *CLIENT_ERRORS), options)
            if duplicate.is_success and "id" in response.json():
                assert duplicate.json()["id"] == response.json()["id"], "the request is not idempotent"
        self.rejections += not response.is_success
        return response

    @staticmethod
    def _send_with_retry(
        person: Actor, method: str, path: str, expect: tuple[int, ...], options: dict[str, Any]
    ) -> httpx.Response:
        return retry_while_unavailable(lambda: person.call(method, path, expect=expect, **options))

    # Products.

    def publish_products(self, count: int) -> None:
        """Create and publish products."""
        titles = [f"Random walk coat {len(self.products) + number + 1}" for number in range(count)]
        self.products |= set(self._pool.map(self._new_product, titles, [self._random_price() for _ in titles]))

    def _new_product(self, title: str, price: int) -> str:
        product, _ = retry_while_unavailable(lambda: self._employee.create_product(**product_fields(title=title)))
        product_id: str = product["id"]
        self._set_price_and_publish(product_id, price)
        return product_id

    def _random_price(self) -> int:
        return self._random.randint(*PRICES)

    def _set_price_and_publish(self, product_id: str, price: int) -> None:
        self._set_price(product_id, price)
        retry_while_unavailable(lambda: self._manager.publish(product_id))

    def _set_price(self, product_id: str, price: int) -> None:
        retry_while_unavailable(lambda: self._manager.set_price(product_id, price))

    def products_in_state(self, *states: str) -> list[str]:
        products = self._stores.products(self.products)
        return sorted(product_id for product_id, product in products.items() if product["state"] in states)

    def restock_products(self) -> bool:
        """Resume a returned product, or set the price of a draft and publish it; False if there is neither."""
        products = self._stores.products(self.products)
        drafts = [product_id for product_id, found in products.items() if found["state"] in ("draft", "priced")]
        returned = [
            product_id
            for product_id, found in products.items()
            if found["state"] == "sold"
            and found.get("sale_ended_by")
            and not self._is_unchecked(found["sale_ended_by"])
        ]
        if returned:
            product_id = self._random.choice(sorted(returned))
            self.log_step(f"the employee resumes {product_id}")
            path = f"/shopping/v1/inventory/{product_id}/resumption"
            self.send(self._employee, "POST", path, allowed=(409,))
        elif drafts:
            product_id = self._random.choice(sorted(drafts))
            self.log_step(f"the manager publishes {product_id} again")
            self._set_price_and_publish(product_id, self._random_price())
        else:
            return False
        return True

    def _is_unchecked(self, sale_ended_by: str) -> bool:
        """Whether the clothes are in a box, or in a package that was not checked yet."""
        for order in self.orders.values():
            packages = {order.id: order.package} | {found.id: found.package for found in order.returns.values()}
            package = packages.get(sale_ended_by)
            if package is not None:
                return package.position != "delivered"
        return False

    def change_price(self) -> None:
        published = self.products_in_state("published")
        if published:
            product_id = self._random.choice(published)
            self.log_step(f"the manager changes the price of {product_id}")
            self._set_price(product_id, self._random_price())

    # Carts.

    def change_cart(self) -> None:
        buyer = self._random.choice(self._buyers)
        product_id, expected = self._random.choice(sorted(self.products)), self.carts[buyer]
        path = f"/shopping/v1/cart/items/{product_id}"
        contents = expected.certain | expected.possible
        if contents and self._chance(0.4):
            product_id = self._random.choice(sorted(contents))
            self.log_step(f"{self._name_of(buyer)} removes {product_id} from the cart")
            response = self.send(buyer, "DELETE", f"/shopping/v1/cart/items/{product_id}")
            expected.remove(product_id)
        else:
            self.log_step(f"{self._name_of(buyer)} adds {product_id} to the cart")
            response = self.send(buyer, "PUT", path, allowed=(404, 409))
            if not response.is_success:
                return
            expected.add(product_id)
        expected.check(response.json())

    def check_carts(self) -> None:
        for buyer, expected in self.carts.items():
            expected.check(self.send(buyer, "GET", "/shopping/v1/cart").json())

    def _name_of(self, buyer: Customer) -> str:
        return f"buyer {self._buyers.index(buyer) + 1}"

    # Work orders.

    def _assign_work(self, kind: str, subject: str, person: Staff) -> str | None:
        """Assign the work order to the person and return its id; None while nobody is assigned to it."""
        query = {"kind": kind, "order_id": subject}
        items = self.send(self._manager, "GET", "/admin/v1/work-orders", params=query).json()["items"]
        if not items or items[0]["state"] not in ("assigned", "in_progress"):
            return None
        work_order_id: str = items[0]["id"]
        if items[0]["assignee_id"] != self._ids[person]:
            path = f"/admin/v1/work-orders/{work_order_id}/assignee"
            response = self.send(
                self._manager, "PUT", path, json={"assignee_id": self._ids[person]}, allowed=(409,)
            )
            return work_order_id if response.is_success else None
        return work_order_id

    def _create_and_scan_package(self, package: TrackedPackage, subject: str, person: Staff) -> bool:
        """Create a package for an order or return, and scan its code."""
        response = self.send(person, "POST", "/admin/v1/packages", json={"order_id": subject}, allowed=(404,))
        if response.is_success:
            package.code = response.json()["tracking_code"]
        return response.is_success and self._scan(package, person)

    def _scan(self, package: TrackedPackage, person: Staff) -> bool:
        response = self.send(
            person, "POST", "/admin/v1/scans", json={"tracking_code": package.code}, allowed=(403, 409)
        )
        return response.is_success or response.json()["type"].endswith("/already-scanned")

    def _collect(self, package: TrackedPackage, subject: str, name: str) -> bool:
        """Let the deliveryman empty the box first, and then create and scan the package."""
        if package.position == "warehouse" or self._assign_work("collecting", subject, self._deliveryman) is None:
            return False
        if package.position == "box":
            if not self._use_door(self._deliveryman, subject, is_occupied=False):
                return False
            self.log_step(f"the deliveryman takes {name} out of the box")
            package.position = "van"
        elif self._create_and_scan_package(package, subject, self._deliveryman):
            self.log_step(f"the deliveryman collects {name}")
            package.position = "warehouse"
        else:
            return False
        return True

    def _check(self, package: TrackedPackage, subject: str, name: str, check_result: Json) -> bool:
        work_order_id = self._assign_work("checking", subject, self._employee)
        if work_order_id is None or not self._scan(package, self._employee):
            return False
        path = f"/admin/v1/checking-orders/{work_order_id}/result"
        body = check_result | {"notes": "As described."}
        response = self.send(self._employee, "POST", path, json=body, allowed=(404, 409))
        result = check_result.get("result") or [product["result"] for product in check_result["products"]]
        self.log_step(f"the employee checks {name}: {result}, {response.status_code}")
        if response.is_success:
            package.position = "delivered"
        return response.is_success

    # Doors.

    def _use_door(self, person: Actor, subject: str, *, is_occupied: bool) -> bool:
        """Open the door of an order and close it again; False while the person has no right to it."""
        controller = self._site.controller
        # Doors may be open whose response was lost; the request also shows that the controller is online.
        self._close_doors(retry_while_unavailable(controller.sync), set(), is_occupied=False)
        body = {"code": controller.code(), "order_id": subject}
        response = self._send_with_retry(person, "POST", "/locker/v1/openings", (200, 404, 409), {"json": body})
        if not response.is_success:
            return False
        own = {opening["box_id"] for opening in response.json()["openings"]}
        return self._close_doors(retry_while_unavailable(controller.sync), own, is_occupied=is_occupied)

    def _close_doors(self, doors: Sequence[Door], own: set[str], *, is_occupied: bool) -> bool:
        """Close the doors: those of the person with the new contents, others with the contents they had."""
        for door in doors:
            self._close_door(door, is_occupied=is_occupied if door.id in own else door.is_occupied)
        return bool({door.id for door in doors} & own)

    def _close_door(self, door: Door, *, is_occupied: bool) -> None:
        """Close a door, and report it as soon as the platform is available."""
        try:
            self._site.controller.close_door(door, is_occupied=is_occupied)
        except (UnexpectedResponse, httpx.TransportError):
            retry_while_unavailable(self._site.controller.sync)

    def _trigger_collection_check(self) -> bool:
        """Let the controller report events, after which locker checks which deposits await a collection."""
        self._site.controller.go_offline()
        retry_while_unavailable(self._site.controller.go_online)
        return False


def retry_while_unavailable(call: Callable[[], T]) -> T:
    """Retry a call while the service is busy or does not respond."""
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            return call()
        except (httpx.TransportError, UnexpectedResponse) as error:
            is_unavailable = isinstance(error, httpx.TransportError) or error.response.status_code in (429, 503)
            if not is_unavailable or time.monotonic() > deadline:
                raise
        time.sleep(0.5)
