from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.chassis.problems import MEDIA_TYPE
from tests.integration.gateway.running import Certificates, Envoy
from tests.integration.gateway.stubs import Authorizer, StubServer, echo
from tests.unit.gateway.example import Example

StartGateway = Callable[..., Envoy]


@pytest.fixture(scope="package")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="package")
def shop(certificates: Certificates) -> Iterator[StubServer]:
    server = StubServer(certificates.server_context(), echo)
    yield server
    server.stop()


@pytest.fixture(scope="package")
def authorizer() -> Authorizer:
    return Authorizer()


@pytest.fixture(scope="package")
def auth(certificates: Certificates, authorizer: Authorizer) -> Iterator[StubServer]:
    server = StubServer(certificates.server_context(), authorizer)
    yield server
    server.stop()


@pytest.fixture(scope="package")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, shop: StubServer, auth: StubServer
) -> Iterator[Envoy]:
    """The gateway of the example, shared by the tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("gateway")
    envoy = Envoy(folder, Example(folder).write(), certificates, auth.port, shop.port)
    yield envoy
    envoy.stop()


@pytest.fixture
def start_gateway(
    tmp_path: Path, certificates: Certificates, shop: StubServer, auth: StubServer
) -> Iterator[StartGateway]:
    """Start a gateway of one's own, with another configuration or other upstreams."""
    started: list[Envoy] = []

    def start(
        *, config: dict[str, Any] | None = None, auth_port: int = 0, shop_port: int = 0, limited: bool = False
    ) -> Envoy:
        example = Example(tmp_path)
        example.config |= config or {}
        ports = (auth_port or auth.port, shop_port or shop.port)
        envoy = Envoy(tmp_path, example.write(), certificates, *ports, limited=limited)
        started.append(envoy)
        return envoy

    yield start
    for envoy in started:
        envoy.stop()


@pytest.fixture
def client(gateway: Envoy) -> httpx.Client:
    return gateway.client


def assert_problem(response: httpx.Response, status: int, slug: str, *, with_id: bool = True) -> dict[str, Any]:
    """Check that the response is a problem document, with the request id if the gateway could assign one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["type"].endswith(f"/{slug}")
    assert document["title"]
    assert document["detail"]
    if with_id:
        assert document["instance"] == f"urn:reclothes:request:{response.headers['x-request-id']}"
    else:
        assert "instance" not in document
    return document
