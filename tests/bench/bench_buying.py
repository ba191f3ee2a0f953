"""The speed of browsing, reading a product, filling a cart and placing an order through the external gateway.

Next to each stands an operation of the same framework that does nothing, in the same run and in turns, behind the
same gateway: open ones against an open one, those with a token against one with a token. All services run as in
production: they do not check their own answers. The load comes from wrk (Debian: `apt-get install wrk`).
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
from tests.bench.bench_gateway import Measurement, parse_wrk
from tests.bench.empty_service import running_empty
from tests.bench.prerequisites import require_load_generator
from tests.support.platform import RunningPlatform, running
from tools.local_platform.layout import HOST, Layout

SCRIPT = Path(__file__).with_name("buying.lua")
IN_CART = 10
AT_ONCE = 20


@dataclass(frozen=True)
class Way:
    """One kind of request; `limit` is the empty operation with which it is compared."""

    name: str
    path: str
    limit: str | None = None
    token: str | None = None
    script: tuple[str, ...] = ()

    def ask(self, gate: UnthrottledGateway, connections: int, seconds: int) -> Measurement:
        """Run wrk for one round; SystemExit when a response was not 2xx."""
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "--timeout", "30s"]
        command += ["-H", f"Authorization: Bearer {self.token}"] if self.token else []
        command += ["-s", str(SCRIPT)] if self.script else []
        command += [gate.url + self.path, *(["--", *self.script] if self.script else [])]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return parse_wrk(told)


class Shop:
    """The products and buyers of the requests."""

    def __init__(self, platform: RunningPlatform, gate: UnthrottledGateway, folder: Path) -> None:
        self._folder = folder
        self.token: str = log_in(gate, "buyer@reclothes.example")["access_token"]
        with gate.client() as client:
            self.product_ids = [item["id"] for item in _items(client, "/shopping/v1/products?limit=100")]
            self.location_id: str = _items(client, "/locker/v1/locations")[0]["id"]
        self._mongo: MongoClient[dict[str, Any]] = MongoClient(HOST, platform.layout.port("secantus"))

    def file_of(self, ids: Sequence[str]) -> str:
        file = self._folder / uuid.uuid4().hex
        file.write_text("".join(f"{one}\n" for one in ids))
        return str(file)

    def more_products(self, count: int) -> list[str]:
        """Insert products like those of the demo, but older, so that the first page stays the same."""
        products = self._mongo["shopping"]["products"]
        like = list(products.find({"state": "published"}).limit(50))
        made = [copy.deepcopy(like[number % len(like)]) for number in range(count)]
        for product in made:
            product["_id"] = f"prd_{uuid.uuid4().hex}"
            product["published_at"] -= timedelta(days=400)
        for begin in range(0, count, AT_ONCE):
            products.insert_many(made[begin : begin + AT_ONCE])
        return [product["_id"] for product in made]

    def remove_products(self, ids: Sequence[str]) -> None:
        self._mongo["shopping"]["products"].delete_many({"_id": {"$in": list(ids)}})

    def ways(self) -> list[Way]:
        cart = ("cart", self.file_of(self.product_ids[:IN_CART]))
        return [
            Way("empty", "/empty/v1/nothing"),
            Way("browse page", "/shopping/v1/products?limit=20", "empty"),
            Way("browse with filters", "/shopping/v1/products?limit=20&colour=navy&sort=price_asc", "empty"),
            Way("product page", f"/shopping/v1/products/{self.product_ids[0]}", "empty"),
            Way("empty with token", "/empty/v1/nothing", token=self.token, script=("nothing", cart[1])),
            Way("read the cart", "/shopping/v1/cart", "empty with token", self.token, ("read", cart[1])),
            Way("change the cart", "/", "empty with token", self.token, cart),
        ]

    def order_way(self, product_ids: Sequence[str]) -> Way:
        script = ("order", self.file_of(product_ids), self.location_id)
        return Way("place an order", "/", "empty with token", self.token, script)


def _items(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    answer.raise_for_status()
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def measure(gate: UnthrottledGateway, shop: Shop, options: argparse.Namespace) -> None:
    measured: dict[str, list[Measurement]] = {}
    ways = [*shop.ways(), shop.order_way([])]
    for turn in range(options.turns + 1):
        print(f"turn {turn} of {options.turns}", flush=True)
        # An order uses its product up, so each turn has new ones. They go again: an update in SecantusDB, which
        # stands for DocumentDB, takes longer the more products there are.
        to_buy = shop.more_products(options.orders_a_second * options.seconds)
        ways[-1] = shop.order_way(to_buy)
        for way in ways if turn % 2 == 0 else reversed(ways):
            connections = options.buyers if way is ways[-1] else options.connections
            found = way.ask(gate, connections, options.seconds)
            if turn > 0:  # all are warm then
                measured.setdefault(way.name, []).append(found)
        shop.remove_products(to_buy)
    for way in ways:
        print(line_of(way, measured))


def line_of(way: Way, measured: dict[str, list[Measurement]]) -> str:
    turns = measured[way.name]
    rate = statistics.median(one.requests_per_second for one in turns)
    p50, p99 = statistics.median(one.p50_ms for one in turns), statistics.median(one.p99_ms for one in turns)
    told = f"{way.name:20} {rate:7.0f} requests/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms"
    if way.limit is None:
        return told
    pairs = zip(turns, measured[way.limit], strict=True)
    ratios = [one.requests_per_second / limit.requests_per_second for one, limit in pairs]
    return f"{told}   of the limit {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="rounds for each target (default: 5)")
    parser.add_argument("--seconds", type=int, default=4, help="length of one round (default: 4)")
    parser.add_argument("--connections", type=int, default=16, help="concurrent connections (default: 16)")
    parser.add_argument("--buyers", type=int, default=4, help="concurrent buyers (default: 4)")
    parser.add_argument(
        "--orders-a-second", type=int, default=40, help="prepared products per second (default: 40)"
    )
    options = parser.parse_args()
    require_load_generator()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            running(
                Layout(folder / "platform", web_workers=1, environment="production").on_free_ports()
            ) as platform,
            running_empty(platform, folder / "empty") as empty,
            without_throttles(platform, "external", folder / "gateway", empty) as gate,
        ):
            measure(gate, Shop(platform, gate, folder), options)


if __name__ == "__main__":
    main()
