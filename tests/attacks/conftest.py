"""One platform for all attacks, and clients with and without tokens."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.attacks.gateways import UnthrottledGateway, unused_address, without_throttles
from tests.support.platform import RunningPlatform
from tests.support.platform_fixtures import platform, undisturbed
from tools.demo.people import DEMO_PASSWORD, Customer, Mailbox, verification_token

__all__ = ["platform", "undisturbed"]


@pytest.fixture(scope="session")
def external(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnthrottledGateway]:
    """The external gateway without its throttles."""
    with without_throttles(platform, "external", tmp_path_factory.mktemp("gateways") / "external") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def internal(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnthrottledGateway]:
    """The internal gateway without its throttles."""
    with without_throttles(platform, "internal", tmp_path_factory.mktemp("gateways") / "internal") as gateway:
        yield gateway


LogIn = Callable[[str], dict[str, str]]


def log_in(gateway: UnthrottledGateway, user: str, password: str = DEMO_PASSWORD) -> dict[str, str]:
    """Log in; return the body of the response with its tokens."""
    path = "/auth/v1/logins" if gateway.name == "external" else "/auth/v1/staff-logins"
    with gateway.client(address=unused_address()) as client:
        response = client.post(path, json={"user_name": user, "password": password})
    assert response.status_code == 201, response.text
    tokens: dict[str, str] = response.json()
    return tokens


@pytest.fixture(scope="session")
def buyer_token(external: UnthrottledGateway) -> str:
    return log_in(external, "buyer@reclothes.example")["access_token"]


@pytest.fixture(scope="session")
def other_buyer_token(external: UnthrottledGateway) -> str:
    return log_in(external, "buyer2@reclothes.example")["access_token"]


@pytest.fixture(scope="session")
def employee_token(internal: UnthrottledGateway) -> str:
    return log_in(internal, "employee@reclothes.example")["access_token"]


@pytest.fixture(scope="session")
def manager_token(internal: UnthrottledGateway) -> str:
    return log_in(internal, "manager@reclothes.example")["access_token"]


@pytest.fixture
def anonymous(external: UnthrottledGateway) -> Iterator[httpx.Client]:
    """A client without a token, from an address that nobody else uses."""
    with external.client(address=unused_address()) as client:
        yield client


@pytest.fixture
def buyer(external: UnthrottledGateway, buyer_token: str) -> Iterator[httpx.Client]:
    with external.client(token=buyer_token) as client:
        yield client


@pytest.fixture
def employee(internal: UnthrottledGateway, employee_token: str) -> Iterator[httpx.Client]:
    with internal.client(token=employee_token) as client:
        yield client


@pytest.fixture
def manager(internal: UnthrottledGateway, manager_token: str) -> Iterator[httpx.Client]:
    with internal.client(token=manager_token) as client:
        yield client


@pytest.fixture
def new_customer(platform: RunningPlatform, external: UnthrottledGateway) -> Callable[[], Customer]:
    """Register customers who are verified and logged in."""

    def create() -> Customer:
        address = f"victim.{uuid.uuid4().hex}@attacks.example"
        customer = Customer(external.url, platform.ca_file, address, f"pass-{uuid.uuid4().hex}")
        customer.register("Vic Victim")
        mail = Mailbox(platform.maildir).wait_for_mail(address, "confirm")
        customer.confirm_email(verification_token(mail))
        customer.log_in()
        return customer

    return create
