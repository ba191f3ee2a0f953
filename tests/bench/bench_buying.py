"""How fast buyers browse, read a product, change a cart and place an order, through the external gateway.

Each kind of request is compared with an operation of the same framework that does nothing: in the same run,
alternately, behind the same gateway, with a token if the request has one. All services run as in production: they
do not check their own responses. The load comes from wrk (Debian: `apt-get install wrk`).
"""

from __future__ import annotations

import argparse
import copy
import statistics
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient

from tests.attacks.conftest import log_in
from tests.attacks.gateways import UnthrottledGateway, without_throttles
from tests.bench.bench_gateway import Measurement, parse_output
from tests.bench.empty_service import running_empty
from tests.bench.prerequisites import require_load_generator
from tests.support.platform import RunningPlatform, running
from tools.local_platform.layout import HOST, Layout

SCRIPT = Path(__file__).with_name("buying.lua")
CART_SIZE = 10
BATCH_SIZE = 20


@dataclass(frozen=True)
class RequestKind:
    """One kind of request; `limit` names the empty operation that it is compared with."""

    name: str
    path: str
    limit: str | None = None
    token: str | None = None
    script: tuple[str, ...] = ()

    def run_wrk(self, gateway: UnthrottledGateway, connections: int, seconds: int) -> Measurement:
        """One turn of wrk; SystemExit when an response was not 2xx."""
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "--timeout", "30s"]
        command += ["-H", f"Authorization: Bearer {self.token}"] if self.token else []
        command += ["-s", str(SCRIPT)] if self.script else []
        command += [gateway.url + self.path, *(["--", *self.script] if self.script else [])]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return parse_output(output)


class Shop:
    """The products and the buyer of the requests."""

    def __init__(self, platform: RunningPlatform, gateway: UnthrottledGateway, folder: Path) -> None:
        self._folder = folder
        self.token: str = log_in(gateway, "buyer@reclothes.example")["access_token"]
        with gateway.client() as client:
            self.product_ids = [item["id"] for item in _items(client, "/shopping/v1/products?limit=100")]
            self.location_id: str = _items(client, "/locker/v1/locations")[0]["id"]
        self._mongo: MongoClient[dict[str, Any]] = MongoClient(HOST, platform.layout.port("secantus"))

    def write_ids(self, ids: Sequence[str]) -> str:
        file = self._folder / uuid.uuid4().hex
        file.write_text("".join(f"{product_id}\n" for product_id in ids))
        return str(file)

    def add_products(self, count: int) -> list[str]:
        """Copy demo products with an older date, so that the first page stays the same."""
        products = self._mongo["shopping"]["products"]
        templates = list(products.find({"state": "published"}).limit(50))
        copies = [copy.deepcopy(templates[number % len(templates)]) for number in range(count)]
        for product in copies:
            product["_id"] = f"prd_{uuid.uuid4().hex}"
            product["published_at"] -= timedelta(days=400)
        for begin in range(0, count, BATCH_SIZE):
            products.insert_many(copies[begin : begin + BATCH_SIZE])
        return [product["_id"] for product in copies]

    def remove_products(self, ids: Sequence[str]) -> None:
        self._mongo["shopping"]["products"].delete_many({"_id": {"$in": list(ids)}})

    def kinds(self) -> list[RequestKind]:
        cart = ("cart", self.write_ids(self.product_ids[:CART_SIZE]))
        return [
            RequestKind("empty", "/empty/v1/nothing"),
            RequestKind("browse page", "/shopping/v1/products?limit=20", "empty"),
            RequestKind(
                "browse with filters", "/shopping/v1/products?limit=20&colour=navy&sort=price_asc", "empty"
            ),
            RequestKind("product page", f"/shopping/v1/products/{self.product_ids[0]}", "empty"),
            RequestKind("empty with token", "/empty/v1/nothing", token=self.token, script=("nothing", cart[1])),
            RequestKind("read the cart", "/shopping/v1/cart", "empty with token", self.token, ("read", cart[1])),
            RequestKind("change the cart", "/", "empty with token", self.token, cart),
        ]

    def order_kind(self, product_ids: Sequence[str]) -> RequestKind:
        script = ("order", self.write_ids(product_ids), self.location_id)
        return RequestKind("place an order", "/", "empty with token", self.token, script)


def _items(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    response = client.get(path)
    response.raise_for_status()
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def measure(gateway: UnthrottledGateway, shop: Shop, options: argparse.Namespace) -> None:
    measured: dict[str, list[Measurement]] = {}
    kinds = [*shop.kinds(), shop.order_kind([])]
    for turn in range(options.turns + 1):
        print(f"turn {turn} of {options.turns}", flush=True)
        # An order sells its product, so each turn needs new ones. They are removed afterwards, because updates in
        # SecantusDB, the substitute for DocumentDB, are slower the more products there are.
        to_buy = shop.add_products(options.orders_per_second * options.seconds)
        kinds[-1] = shop.order_kind(to_buy)
        for kind in kinds if turn % 2 == 0 else reversed(kinds):
            connections = options.buyers if kind is kinds[-1] else options.connections
            result = kind.run_wrk(gateway, connections, options.seconds)
            if turn > 0:  # the first turn warms up
                measured.setdefault(kind.name, []).append(result)
        shop.remove_products(to_buy)
    for kind in kinds:
        print(format_result(kind, measured))


def format_result(kind: RequestKind, measured: dict[str, list[Measurement]]) -> str:
    turns = measured[kind.name]
    rate = statistics.median(turn.requests_per_second for turn in turns)
    p50, p99 = statistics.median(turn.p50_ms for turn in turns), statistics.median(turn.p99_ms for turn in turns)
    output = f"{kind.name:20} {rate:7.0f} requests/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms"
    if kind.limit is None:
        return output
    pairs = zip(turns, measured[kind.limit], strict=True)
    ratios = [turn.requests_per_second / limit.requests_per_second for turn, limit in pairs]
    return f"{output}   of the limit {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="turns of each kind (default: 5)")
    parser.add_argument("--seconds", type=int, default=4, help="of one turn (default: 4)")
    parser.add_argument("--connections", type=int, default=16, help="concurrent connections (default: 16)")
    parser.add_argument("--buyers", type=int, default=4, help="buyers who place orders concurrently (default: 4)")
    parser.add_argument("--orders-per-second", type=int, default=40, help="products copies ready (default: 40)")
    options = parser.parse_args()
    require_load_generator()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            running(
                Layout(folder / "platform", web_workers=1, environment="production").on_free_ports()
            ) as platform,
            running_empty(platform, folder / "empty") as empty,
            without_throttles(platform, "external", folder / "gateway", empty) as gateway,
        ):
            measure(gateway, Shop(platform, gateway, folder), options)


if __name__ == "__main__":
    main()
