"""What is released is used as a stranger would: the smoke test and the Python SDK against a whole platform."""

from __future__ import annotations

import importlib
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from tests.acceptance.conftest import MakeCustomer
from tests.support.platform import RunningPlatform
from tools.demo.people import Customer
from tools.deployment.smoke import Account, SmokeTest
from tools.publishing.sdk import build_sdk


def test_a_platform_that_is_up_passes_the_smoke_test(platform: RunningPlatform, new_customer: MakeCustomer) -> None:
    customer: Customer = new_customer(logged_in=False)
    checks = SmokeTest(
        platform.external_url,
        internal_url=platform.internal_url,
        ca_file=platform.ca_file,
        account=Account(customer.user_name, customer.password),
    )
    assert [result for result in checks.run() if result.problem] == []


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The Python package of the external gateway, made anew and imported."""
    package, _ = build_sdk("external", tmp_path_factory.mktemp("sdk"))
    sys.path.insert(0, str(package))
    yield importlib.import_module("reclothes_external")
    sys.path.remove(str(package))


def call(sdk: ModuleType, operation: str, **arguments: object) -> object:
    """What an operation of the SDK gives, e.g. `auth.log_in_customer`."""
    return importlib.import_module(f"{sdk.__name__}.api.{operation}").sync(**arguments)


def trust(ca_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file))


def test_the_python_sdk_logs_in_and_browses(
    sdk: ModuleType, platform: RunningPlatform, new_customer: MakeCustomer
) -> None:
    customer: Customer = new_customer(logged_in=False)
    models = importlib.import_module(f"{sdk.__name__}.models")
    where = {"base_url": platform.external_url, "verify_ssl": trust(platform.ca_file), "timeout": httpx.Timeout(15)}
    anybody = sdk.Client(**where)
    page = call(sdk, "shopping.browse_products", client=anybody, limit=3)
    assert isinstance(page, models.ProductPage)
    assert len(page.items) == 3
    refused = call(sdk, "auth.log_in_customer", client=anybody,
                   body=models.Credentials(user_name=customer.user_name, password="not this one"))  # fmt: skip
    assert isinstance(refused, models.Problem)
    assert refused.status == 401
    tokens = call(sdk, "auth.log_in_customer", client=anybody,
                  body=models.Credentials(user_name=customer.user_name, password=customer.password))  # fmt: skip
    assert isinstance(tokens, models.AccessToken)
    somebody = sdk.AuthenticatedClient(token=tokens.access_token, **where)
    cart = call(sdk, "shopping.get_cart", client=somebody)
    assert isinstance(cart, models.Cart)
    assert cart.items == []
