"""A service that accepts connections and never responds is handled like one that refuses them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from libs.chassis import service_client
from services.customer.buying_orders.jobs import complete_interrupted_placements
from tests.integration.customer import buying_support as buying
from tests.integration.customer import donating_support as donating
from tests.integration.customer.buying_support import Send
from tests.integration.customer.conftest import ROSSIO, FakePeers
from tests.integration.customer.test_buying_order_placement import run_later
from tests.support.harness import Harness

DEADLINE_SECONDS = 0.1
NEW_ORDER = {"product_ids": [buying.COAT], "pickup_location_id": ROSSIO}


@dataclass
class Hanging:
    """Real sockets in the place of the services that hang; the others respond as usual."""

    address: str
    services: set[str] = field(default_factory=set)
    requests: int = 0

    def respond(self, usual: Callable[[httpx.Request], httpx.Response], request: httpx.Request) -> httpx.Response:
        if request.url.host.partition(".")[0] not in self.services:
            return usual(request)
        self.requests += 1
        timeout = httpx.Timeout(**request.extensions["timeout"])
        return httpx.post(self.address, content=request.content, timeout=timeout)


@pytest.fixture
def hanging(customer: Harness, peers: FakePeers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    monkeypatch.setattr(service_client, "TIMEOUT", httpx.Timeout(DEADLINE_SECONDS))
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes connections and never reads
        services = Hanging(f"http://127.0.0.1:{server.getsockname()[1]}")
        customer.play_peers(lambda request: services.respond(peers.respond, request))
        yield services


@pytest.fixture
def ines(customer: Harness, hanging: Hanging) -> Send:
    return customer.as_user("ines", f"{buying.SCOPES} {donating.SCOPE}")


def expect_prompt_refusal(send: Callable[[], httpx.Response]) -> None:
    began = time.monotonic()
    response = send()
    assert time.monotonic() - began < 2
    assert buying.problem_of(response) == (503, "service-unavailable")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("service", ["locker", "shopping"])
def test_no_order_is_placed_or_reviewed_and_a_repeat_works(
    customer: Harness, ines: Send, hanging: Hanging, service: str
) -> None:
    hanging.services = {service}
    key = buying.new_key()
    expect_prompt_refusal(lambda: ines("POST", buying.ORDERS, json=NEW_ORDER, key=key))
    assert ines("GET", buying.ORDERS).json()["items"] == []
    hanging.services = set()
    customer.play_peers(FakePeers().respond)  # with closed circuits
    assert ines("POST", buying.ORDERS, json=NEW_ORDER, key=key).status_code == 201


@pytest.mark.parametrize(("service", "steps"), [("shopping", 0), ("admin", 2)])
def test_an_order_that_cannot_be_cancelled_does_not_change(
    customer: Harness, ines: Send, hanging: Hanging, service: str, steps: int
) -> None:
    order = buying.place(ines)
    buying.advance(customer, order, *buying.TO_PICKED_UP[:steps])
    before = buying.read(ines, order)
    hanging.services = {service}
    expect_prompt_refusal(lambda: ines("POST", f"{buying.ORDERS}/{order['id']}/cancellation"))
    assert buying.read(ines, order) == before


def test_no_donation_is_submitted_and_no_return_created(customer: Harness, ines: Send, hanging: Hanging) -> None:
    order, donation = buying.place_and_pick_up(customer, ines), donating.create_draft(ines)
    hanging.services = {"locker"}
    expect_prompt_refusal(lambda: donating.submit(ines, donation["id"]))
    expect_prompt_refusal(lambda: buying.request_return(ines, order))
    assert donating.state_of(ines, donation["id"]) == "draft"
    assert ines("GET", buying.RETURNS).json()["items"] == []


def test_its_circuit_opens_and_further_requests_fail_immediately(ines: Send, hanging: Hanging) -> None:
    hanging.services = {"locker"}
    for _ in range(6):
        expect_prompt_refusal(lambda: ines("POST", buying.ORDERS, json=NEW_ORDER, key=buying.new_key()))
    requests, began = hanging.requests, time.monotonic()
    for _ in range(5):
        expect_prompt_refusal(lambda: ines("POST", buying.ORDERS, json=NEW_ORDER, key=buying.new_key()))
    assert hanging.requests == requests
    assert time.monotonic() - began < 5 * DEADLINE_SECONDS + 1


def test_interrupted_orders_wait_for_shopping(ines: Send, peers: FakePeers, hanging: Hanging) -> None:
    hanging.services = {"shopping"}
    expect_prompt_refusal(lambda: ines("POST", buying.ORDERS, json=NEW_ORDER, key=buying.new_key()))
    began = time.monotonic()
    run_later(9, complete_interrupted_placements)
    assert time.monotonic() - began < 2
    assert ines("GET", buying.ORDERS).json()["items"] == []
