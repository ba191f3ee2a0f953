"""Released artefacts against a running platform: the smoke test and the Python SDK."""

from __future__ import annotations

import importlib
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from tests.acceptance.conftest import CustomerFactory
from tests.support.platform import RunningPlatform
from tools.demo.people import Customer
from tools.deployment.smoke import Account, SmokeTest
from tools.publishing.sdk import build_sdk


def test_a_running_platform_passes_the_smoke_test(platform: RunningPlatform, new_customer: CustomerFactory) -> None:
    customer: Customer = new_customer(logged_in=False)
    smoke_test = SmokeTest(
        platform.external_url,
        internal_url=platform.internal_url,
        ca_file=platform.ca_file,
        account=Account(customer.user_name, customer.password),
    )
    assert [result for result in smoke_test.run() if result.problem] == []


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Generate and import the Python package of the external gateway."""
    package, _ = build_sdk("external", tmp_path_factory.mktemp("sdk"))
    sys.path.insert(0, str(package))
    yield importlib.import_module("reclothes_external")
    sys.path.remove(str(package))


def call(sdk: ModuleType, operation: str, **arguments: object) -> object:
    """Call an operation of the SDK, such as `auth.log_in_customer`."""
    return importlib.import_module(f"{sdk.__name__}.api.{operation}").sync(**arguments)


def trusting_context(ca_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file))


def test_the_python_sdk_logs_in_and_browses(
    sdk: ModuleType, platform: RunningPlatform, new_customer: CustomerFactory
) -> None:
    customer: Customer = new_customer(logged_in=False)
    models = importlib.import_module(f"{sdk.__name__}.models")
    options = {
        "base_url": platform.external_url,
        "verify_ssl": trusting_context(platform.ca_file),
        "timeout": httpx.Timeout(15),
    }
    anonymous = sdk.Client(**options)
    page = call(sdk, "shopping.browse_products", client=anonymous, limit=3)
    assert isinstance(page, models.ProductPage)
    assert len(page.items) == 3
    problem = call(sdk, "auth.log_in_customer", client=anonymous,
                   body=models.Credentials(user_name=customer.user_name, password="not this one"))  # fmt: skip
    assert isinstance(problem, models.Problem)
    assert problem.status == 401
    tokens = call(sdk, "auth.log_in_customer", client=anonymous,
                  body=models.Credentials(user_name=customer.user_name, password=customer.password))  # fmt: skip
    assert isinstance(tokens, models.AccessToken)
    authenticated = sdk.AuthenticatedClient(token=tokens.access_token, **options)
    cart = call(sdk, "shopping.get_cart", client=authenticated)
    assert isinstance(cart, models.Cart)
    assert cart.items == []
