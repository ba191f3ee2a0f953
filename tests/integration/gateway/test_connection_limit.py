"""The limit of connections per client address, and what the gateway still knows of the client behind it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.integration.gateway.conftest import StartGateway
from tests.integration.gateway.running import Envoy
from tests.integration.gateway.stubs import StubServer
from tests.unit.gateway.example import CONFIG

FLOODING_ADDRESS = "127.0.0.2"
LIMITS = CONFIG["limits"] | {"connections": 30, "connections_per_address": 10}
THINGS = "/shop/v1/things"


@pytest.fixture
def limited_gateway(start_gateway: StartGateway) -> Envoy:
    """A gateway behind the connection limiter."""
    return start_gateway(config={"limits": LIMITS}, limited=True)


@contextmanager
def idle_connections(gateway: Envoy, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connect_from(FLOODING_ADDRESS, gateway.port)) for _ in range(count)]


def connect_from(address: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(address, 0))


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def client_from(gateway: Envoy, address: str) -> httpx.Client:
    transport = httpx.HTTPTransport(verify=gateway.certificates.client_context(), local_address=address)
    return httpx.Client(base_url=gateway.url, transport=transport, timeout=5)


def test_idle_connections_of_one_address_do_not_keep_others_out(limited_gateway: Envoy) -> None:
    """Without the limit per address the flood would use all of Envoy's connections."""
    with idle_connections(limited_gateway, 2 * LIMITS["connections"]) as flood:
        assert limited_gateway.client.get(THINGS).status_code == 200
        assert sum(map(is_closed, flood)) == len(flood) - LIMITS["connections_per_address"]
        with client_from(limited_gateway, FLOODING_ADDRESS) as client, pytest.raises(httpx.TransportError):
            client.get(THINGS)


def test_closed_connections_make_room_for_new_ones_of_the_address(limited_gateway: Envoy) -> None:
    with idle_connections(limited_gateway, LIMITS["connections_per_address"]):
        pass
    deadline = time.monotonic() + 5
    with client_from(limited_gateway, FLOODING_ADDRESS) as client:
        while True:
            try:
                assert client.get(THINGS).status_code == 200
                return
            except httpx.TransportError:
                assert time.monotonic() < deadline


def test_gateway_sees_the_address_of_the_client(limited_gateway: Envoy, shop: StubServer) -> None:
    with client_from(limited_gateway, FLOODING_ADDRESS) as client:
        assert client.get(THINGS, headers={"x-forwarded-for": "203.0.113.9"}).status_code == 200
    assert shop.requests[-1].all("x-forwarded-for")[-1].endswith(FLOODING_ADDRESS)
    limited_gateway.stop()
    logged = json.loads(limited_gateway.access_log.read_text().splitlines()[-1])
    assert logged["client"] == FLOODING_ADDRESS


def test_requests_are_throttled_by_the_address_of_the_client(limited_gateway: Envoy) -> None:
    with client_from(limited_gateway, FLOODING_ADDRESS) as client:
        statuses = [client.post("/shop/v1/sign-ins").status_code for _ in range(5)]
    assert statuses[-1] == 429
    assert limited_gateway.client.post("/shop/v1/sign-ins").status_code == 200


def test_source_ranges_are_checked_against_the_address_of_the_client(start_gateway: StartGateway) -> None:
    gateway = start_gateway(config={"source_ranges": ["127.0.0.1/32"]}, limited=True)
    assert gateway.client.get(THINGS).status_code == 200
    with client_from(gateway, FLOODING_ADDRESS) as client:
        assert client.get(THINGS, headers={"x-forwarded-for": "127.0.0.1"}).status_code == 403
