"""A service that takes requests and never responds is handled like one that refuses them: soon, without a trace."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from libs.chassis import service_client
from services.customer import events as customer_events
from tests.integration.customer import buying, test_donating
from tests.integration.customer.buying import Ask
from tests.integration.customer.conftest import ROSSIO, Neighbours
from tests.integration.customer.test_customer import later
from tests.support.harness import Harness

DEADLINE_SECONDS = 0.1
NEW_ORDER = {"product_ids": [buying.COAT], "pickup_location_id": ROSSIO}


@dataclass
class Hanging:
    """Real sockets behind the services that hang; the others respond as usual."""

    address: str
    services: set[str] = field(default_factory=set)
    requests: int = 0

    def answer(self, usual: Callable[[httpx.Request], httpx.Response], request: httpx.Request) -> httpx.Response:
        if request.url.host.partition(".")[0] not in self.services:
            return usual(request)
        self.requests += 1
        timeout = httpx.Timeout(**request.extensions["timeout"])
        return httpx.post(self.address, content=request.content, timeout=timeout)


@pytest.fixture
def hanging(customer: Harness, neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    monkeypatch.setattr(service_client, "TIMEOUT", httpx.Timeout(DEADLINE_SECONDS))
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes connections and never reads
        made = Hanging(f"http://127.0.0.1:{server.getsockname()[1]}")
        customer.play_peers(lambda request: made.answer(neighbours.answer, request))
        yield made


@pytest.fixture
def ines(customer: Harness, hanging: Hanging) -> Ask:
    return customer.as_user("ines", f"{buying.SCOPES} {test_donating.SCOPE}")


def refused_soon(ask: Callable[[], httpx.Response]) -> None:
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < 2
    assert buying.refusal(answer) == (503, "service-unavailable")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("service", ["locker", "shopping"])
def test_no_order_is_placed_or_reviewed_and_a_repeat_works(
    customer: Harness, ines: Ask, hanging: Hanging, service: str
) -> None:
    hanging.services = {service}
    key = buying.key()
    refused_soon(lambda: ines("POST", buying.ORDERS, json=NEW_ORDER, key=key))
    assert ines("GET", buying.ORDERS).json()["items"] == []
    hanging.services = set()
    customer.play_peers(Neighbours().answer)  # with closed circuits
    assert ines("POST", buying.ORDERS, json=NEW_ORDER, key=key).status_code == 201


@pytest.mark.parametrize(("service", "steps"), [("shopping", 0), ("admin", 2)])
def test_an_order_that_cannot_be_cancelled_now_stays_as_it_is(
    customer: Harness, ines: Ask, hanging: Hanging, service: str, steps: int
) -> None:
    order = buying.place(ines)
    buying.go(customer, order, *buying.TO_PICKED_UP[:steps])
    before = buying.read(ines, order)
    hanging.services = {service}
    refused_soon(lambda: ines("POST", f"{buying.ORDERS}/{order['id']}/cancellation"))
    assert buying.read(ines, order) == before


def test_no_donation_is_submitted_and_no_return_begun(customer: Harness, ines: Ask, hanging: Hanging) -> None:
    order, donation = buying.picked_up(customer, ines), test_donating.drafted(ines)
    hanging.services = {"locker"}
    refused_soon(lambda: test_donating.submit(ines, donation["id"]))
    refused_soon(lambda: buying.return_of(ines, order))
    assert test_donating.state_of(ines, donation["id"]) == "draft"
    assert ines("GET", buying.RETURNS).json()["items"] == []


def test_its_circuit_opens_and_nobody_waits_for_it_any_more(ines: Ask, hanging: Hanging) -> None:
    hanging.services = {"locker"}
    for _ in range(6):
        refused_soon(lambda: ines("POST", buying.ORDERS, json=NEW_ORDER, key=buying.key()))
    requests, began = hanging.requests, time.monotonic()
    for _ in range(5):
        refused_soon(lambda: ines("POST", buying.ORDERS, json=NEW_ORDER, key=buying.key()))
    assert hanging.requests == requests
    assert time.monotonic() - began < 5 * DEADLINE_SECONDS + 1


def test_interrupted_orders_wait_for_shopping(ines: Ask, neighbours: Neighbours, hanging: Hanging) -> None:
    hanging.services = {"shopping"}
    refused_soon(lambda: ines("POST", buying.ORDERS, json=NEW_ORDER, key=buying.key()))
    began = time.monotonic()
    later(9, customer_events.complete_interrupted_orders)
    assert time.monotonic() - began < 2
    assert ines("GET", buying.ORDERS).json()["items"] == []
