"""Billing in this process on both databases, with the real `stripe` library against localstripe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from libs.chassis import system_settings
from services.billing.provider import stripe_client
from tests.integration.billing.fake_provider import CALLS, FakeProvider
from tests.integration.billing.support import SECRET, Client, environment, reset_provider
from tests.support import servers
from tests.support.harness import Harness, running


@pytest.fixture(scope="session")
def stripe_url() -> Iterator[str]:
    with servers.localstripe(SECRET) as url:
        yield url


@pytest.fixture
def database_url(fresh_database: Callable[[str], str]) -> str:
    return fresh_database("billing")


@pytest.fixture
def billing(database_url: str, stripe_url: str) -> Iterator[Harness]:
    reset_provider()
    with running("billing", environment(database_url, stripe_url)) as harness:
        yield harness


@pytest.fixture
def donor(billing: Harness) -> Client:
    return billing.as_user("ines", "billing:rewards billing:fees billing:payments")


@pytest.fixture
def manager(billing: Harness) -> Client:
    scopes = "billing:rewards:write billing:coupons:read billing:coupons:write"
    return billing.as_user("marta", scopes, kind="internal", roles=["manager"])


@pytest.fixture
def set_setting(billing: Harness) -> Callable[[str, Any], None]:
    """Change a system setting for this test, as if ElastiCache had it."""
    values: dict[str, Any] = {}
    system_settings.use_values(values)
    return values.__setitem__


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    """Replace the payment provider by a fake."""
    fake = FakeProvider()
    for name in CALLS:
        monkeypatch.setattr(stripe_client, name, getattr(fake, name))
    return fake
