"""One platform, its gateways without throttles, and the callers of the access matrix."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.attacks.gateways import UnthrottledGateway, without_throttles
from tests.security.callers import Caller, Principals
from tests.security.matrix import SERVICE
from tests.support.platform import RunningPlatform
from tests.support.platform_fixtures import platform, undisturbed
from tools.gateway.build import GATEWAYS
from tools.project import SERVICES

__all__ = ["platform", "undisturbed"]


class RetryTransport(httpx.HTTPTransport):
    """Repeats a request when the server closed the persistent connection at the same time."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return super().handle_request(request)
        except httpx.RemoteProtocolError:
            return super().handle_request(request)


@pytest.fixture(scope="session")
def gateways(
    platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, UnthrottledGateway]]:
    """Both gateways without their throttles."""
    folder = tmp_path_factory.mktemp("gateways")
    external, internal = (without_throttles(platform, name, folder / name) for name in GATEWAYS)
    with external as first, internal as second:
        yield {gateway.name: gateway for gateway in (first, second)}


@pytest.fixture(scope="session")
def principals(platform: RunningPlatform, gateways: dict[str, UnthrottledGateway]) -> Iterator[Principals]:
    principals = Principals(platform, gateways)
    yield principals
    principals.close()


@pytest.fixture(scope="session")
def callers(principals: Principals) -> list[Caller]:
    return principals.callers()


@pytest.fixture(scope="session")
def clients(
    platform: RunningPlatform, gateways: dict[str, UnthrottledGateway]
) -> Iterator[dict[tuple[str, str], httpx.Client]]:
    """A client of each service at each entry point: through a gateway, or at the port of the service."""
    context = ssl.create_default_context(cafile=str(platform.ca_file))
    through = {
        name: httpx.Client(base_url=gateway.url, verify=context, timeout=60) for name, gateway in gateways.items()
    }
    own = {
        name: httpx.Client(
            base_url=platform.layout.service_url(name), transport=RetryTransport(verify=context), timeout=60
        )
        for name in SERVICES
    }
    yield {
        (entry_point, service): through[entry_point] if entry_point in through else own[service]
        for entry_point in (*through, SERVICE)
        for service in SERVICES
    }
    for client in (*through.values(), *own.values()):
        client.close()
