"""One whole platform that all attacks are aimed at, and people to attack it with."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.attacks.gateways import OpenGate, fresh_address, without_throttles
from tests.support.platform import RunningPlatform
from tests.support.platform_fixtures import platform, undisturbed
from tools.demo.people import DEMO_PASSWORD, Customer, Mailbox, verification_token

__all__ = ["platform", "undisturbed"]


@pytest.fixture(scope="session")
def external(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenGate]:
    """The external gateway without its throttles."""
    with without_throttles(platform, "external", tmp_path_factory.mktemp("gateways") / "external") as gate:
        yield gate


@pytest.fixture(scope="session")
def internal(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenGate]:
    """The internal gateway without its throttles."""
    with without_throttles(platform, "internal", tmp_path_factory.mktemp("gateways") / "internal") as gate:
        yield gate


LogIn = Callable[[str], dict[str, str]]


def log_in(gate: OpenGate, user: str, password: str = DEMO_PASSWORD) -> dict[str, str]:
    """The answer to a log-in, tokens and all."""
    path = "/auth/v1/logins" if gate.name == "external" else "/auth/v1/staff-logins"
    with gate.client(address=fresh_address()) as client:
        answer = client.post(path, json={"user_name": user, "password": password})
    assert answer.status_code == 201, answer.text
    opened: dict[str, str] = answer.json()
    return opened


@pytest.fixture(scope="session")
def buyer_token(external: OpenGate) -> str:
    return log_in(external, "buyer@reclothes.example")["access_token"]


@pytest.fixture(scope="session")
def rival_token(external: OpenGate) -> str:
    return log_in(external, "buyer2@reclothes.example")["access_token"]


@pytest.fixture(scope="session")
def employee_token(internal: OpenGate) -> str:
    return log_in(internal, "employee@reclothes.example")["access_token"]


@pytest.fixture(scope="session")
def manager_token(internal: OpenGate) -> str:
    return log_in(internal, "manager@reclothes.example")["access_token"]


@pytest.fixture
def anybody(external: OpenGate) -> Iterator[httpx.Client]:
    """Somebody on the internet without a token, from an address of their own."""
    with external.client(address=fresh_address()) as client:
        yield client


@pytest.fixture
def buyer(external: OpenGate, buyer_token: str) -> Iterator[httpx.Client]:
    with external.client(token=buyer_token) as client:
        yield client


@pytest.fixture
def employee(internal: OpenGate, employee_token: str) -> Iterator[httpx.Client]:
    with internal.client(token=employee_token) as client:
        yield client


@pytest.fixture
def manager(internal: OpenGate, manager_token: str) -> Iterator[httpx.Client]:
    with internal.client(token=manager_token) as client:
        yield client


@pytest.fixture
def new_customer(platform: RunningPlatform, external: OpenGate) -> Callable[[], Customer]:
    """Make a customer who is registered, confirmed and logged in."""

    def make() -> Customer:
        address = f"victim.{uuid.uuid4().hex}@attacks.example"
        customer = Customer(external.url, platform.ca_file, address, f"pass-{uuid.uuid4().hex}")
        customer.register("Vic Victim")
        mail = Mailbox(platform.maildir).wait_for_mail(address, "confirm")
        customer.confirm_email(verification_token(mail))
        customer.log_in()
        return customer

    return make
