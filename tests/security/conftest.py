"""One whole platform, its gateways without throttles, and everybody who asks there."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.attacks.gateways import OpenGate, without_throttles
from tests.security.callers import Caller, Town
from tests.security.matrix import SERVICE
from tests.support.platform import RunningPlatform
from tests.support.platform_fixtures import platform, undisturbed
from tools.gateway.build import GATEWAYS
from tools.project import SERVICES

__all__ = ["platform", "undisturbed"]


class Twice(httpx.HTTPTransport):
    """Asks once more when a kept connection was closed at the other end in the same moment."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return super().handle_request(request)
        except httpx.RemoteProtocolError:
            return super().handle_request(request)


@pytest.fixture(scope="session")
def gates(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, OpenGate]]:
    """Both gateways without their throttles."""
    folder = tmp_path_factory.mktemp("gateways")
    external, internal = (without_throttles(platform, name, folder / name) for name in GATEWAYS)
    with external as first, internal as second:
        yield {gate.name: gate for gate in (first, second)}


@pytest.fixture(scope="session")
def town(platform: RunningPlatform, gates: dict[str, OpenGate]) -> Iterator[Town]:
    town = Town(platform, gates)
    yield town
    town.close()


@pytest.fixture(scope="session")
def callers(town: Town) -> list[Caller]:
    return town.callers()


@pytest.fixture(scope="session")
def clients(platform: RunningPlatform, gates: dict[str, OpenGate]) -> Iterator[dict[tuple[str, str], httpx.Client]]:
    """A client of each service at each place: through a gateway, or at the service's own port."""
    context = ssl.create_default_context(cafile=str(platform.ca_file))
    through = {name: httpx.Client(base_url=gate.url, verify=context, timeout=60) for name, gate in gates.items()}
    own = {
        name: httpx.Client(
            base_url=platform.layout.url_of_service(name), transport=Twice(verify=context), timeout=60
        )
        for name in SERVICES
    }
    yield {
        (place, service): through[place] if place in through else own[service]
        for place in (*through, SERVICE)
        for service in SERVICES
    }
    for client in (*through.values(), *own.values()):
        client.close()
