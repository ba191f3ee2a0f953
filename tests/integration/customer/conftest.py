"""The customer service in this process, with fakes of the services that it calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.chassis.clock import now, rfc3339
from tests.support.harness import Harness, running

ROSSIO = "loc_" + "3" * 32
BOX = "box_" + "5" * 32
TIME_ZONE = "Atlantic/Azores"
COAT = "prd_" + "1" * 32


class FakePeers:
    """Shopping, locker and admin as they usually respond, and the requests that they received."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.unavailable_products: list[str] = []
        self.unavailable: set[str] = set()
        self.is_location_full = self.is_hold_sold = self.is_shipping = False
        self.claim_refusal: str | None = None
        self.box_held_for = timedelta(days=7)
        self.holds: dict[str, dict[str, Any]] = {}
        """The holds of shopping, by order id."""
        self.are_products_unique = False

    def respond(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.requests.append((request.method, request.url.path, body))
        service = request.url.host.partition(".")[0]
        if service in self.unavailable:
            raise httpx.ConnectError("unavailable", request=request)
        if request.url.path == "/locker/v1/holds":
            return self._box(body)
        if request.url.path == "/admin/v1/work-stops":
            return self._refused("shipping-began") if self.is_shipping else httpx.Response(204)
        if request.url.path == "/shopping/v1/quotes":
            return self._quote(body)
        if request.method == "GET" and request.url.path.startswith("/shopping/v1/holds/"):
            hold = self.holds.get(request.url.path.rpartition("/")[2])
            return httpx.Response(200, json=hold) if hold else self._refused("hold-not-found", 404)
        if request.method == "DELETE" and request.url.path.startswith("/shopping/v1/holds/"):
            return self._refused("hold-sold") if self.is_hold_sold else httpx.Response(204)
        if service == "locker":
            return self._location(request.url.path.rpartition("/")[2])
        if request.url.path.startswith("/shopping/v1/return-claims"):
            return self._claim(body)
        return self._hold(body)

    @staticmethod
    def _refused(slug: str, status: int = 409) -> httpx.Response:
        return httpx.Response(status, json={"type": f"x/{slug}", "title": "no", "detail": "no"})

    def _quote(self, body: dict[str, Any]) -> httpx.Response:
        price = {"amount": 2000, "currency": "EUR"}
        available = [
            product_id for product_id in body["product_ids"] if product_id not in self.unavailable_products
        ]
        items = [
            {"product_id": product_id, "title": f"Piece {product_id[-1]}", "price": price}
            for product_id in available
        ]
        unavailable = sorted(set(body["product_ids"]) - set(available))
        return httpx.Response(200, json={"items": items, "unavailable_product_ids": unavailable})

    def _box(self, body: dict[str, Any]) -> httpx.Response:
        if body["location_id"] != ROSSIO:
            return httpx.Response(404, json={"type": "x/not-found", "title": "no", "detail": "no"})
        if self.is_location_full:
            return httpx.Response(409, json={"type": "x/location-full", "title": "full", "detail": "full"})
        place = {"location_id": ROSSIO, "location_name": "Rossio", "box_id": BOX, "box_label": "A3"}
        return httpx.Response(200, json=place | {"held_until": rfc3339(now() + self.box_held_for)})

    def _claim(self, body: dict[str, Any] | None) -> httpx.Response:
        if body is not None and self.claim_refusal:
            return httpx.Response(
                409, json={"type": f"x/{self.claim_refusal}", "title": "no", "detail": "The coat is gone."}
            )
        return httpx.Response(204)

    @staticmethod
    def _location(location_id: str) -> httpx.Response:
        if location_id != ROSSIO:
            return httpx.Response(404, json={"type": "x/not-found", "title": "no", "detail": "no"})
        return httpx.Response(200, json={"id": ROSSIO, "name": "Rossio", "time_zone": TIME_ZONE})

    def _hold(self, body: dict[str, Any]) -> httpx.Response:
        unavailable = [product_id for product_id in body["product_ids"] if product_id in self.unavailable_products]
        if unavailable:
            problem = {"type": "x/product-unavailable", "detail": "gone", "unavailable_product_ids": unavailable}
            return httpx.Response(409, json=problem)
        price = {"amount": 2000, "currency": "EUR"}
        total = price | {"amount": 2000 * len(body["product_ids"])}
        if body.get("expected_total", total) != total:
            problem = {"type": "x/price-changed", "detail": "They cost more now.", "total": total}
            return httpx.Response(409, json=problem)
        items = [
            {"product_id": product_id, "title": f"Piece {product_id[-1]}", "price": price}
            for product_id in body["product_ids"]
        ]
        others = self.holds.keys() - {body["order_id"]}
        if self.are_products_unique and others:
            detail = f"Your own order {others.pop()} holds it; pay that one, or cancel it."
            problem = {"type": "x/product-unavailable", "detail": detail, "unavailable_product_ids": [COAT]}
            return httpx.Response(409, json=problem)
        until = rfc3339(now() + timedelta(minutes=15))
        hold = {"order_id": body["order_id"], "state": "active", "until": until, "items": items}
        self.holds[body["order_id"]] = hold
        return httpx.Response(201, json=hold)


@pytest.fixture
def database_url(fresh_database: Callable[[str], str]) -> str:
    return fresh_database("customer")


@pytest.fixture
def customer(database_url: str) -> Iterator[Harness]:
    with running("customer", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        yield harness


@pytest.fixture
def peers(customer: Harness) -> FakePeers:
    fake_peers = FakePeers()
    customer.play_peers(fake_peers.respond)
    return fake_peers
