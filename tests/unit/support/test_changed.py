"""`make test-changed` runs what a change can have broken, and little else."""

from __future__ import annotations

import pytest

from tests.support.changed import selected


def folders(*changed: str) -> set[str]:
    """The folders of the selected test files."""
    return {path.rpartition("/")[0] for path in selected(changed)}


def test_a_domain_module_is_tested_by_the_tests_of_its_service_alone() -> None:
    assert folders("services/billing/coupons/codes.py") == {"tests/unit/billing", "tests/integration/billing"}


def test_a_chassis_module_is_tested_by_all_services() -> None:
    assert folders("libs/chassis/pagination.py") >= {"tests/unit/chassis", "tests/integration/auth"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("openapi/locker.yaml", {"tests/contract", "tests/integration/locker"}),
        ("openapi/components/problems.yaml", {"tests/contract"}),
        ("gateway-config/external.yaml", {"tests/unit/gateway", "tests/integration/gateway"}),
        ("services/auth/migrations/versions/0001_first.py", {"tests/integration", "tests/integration/auth"}),
        ("services/shopping/cart/cart.lua", {"tests/integration/shopping"}),
        ("helm/service/values.yaml", {"tests/helm"}),
        ("openapi/events/customer.buying_order.placed.v1.json", {"tests/integration/shopping", "tests/contract"}),
        ("setup.cfg", {"tests/integration/auth", "tests/unit/chassis", "tests/helm"}),
        ("tools/local_platform/enter-image.sh", {"tests/unit/local_platform", "tests/integration/local_platform"}),
    ],
)
def test_files_that_nothing_imports_select_the_tests_that_read_them(changed: str, expected: set[str]) -> None:
    assert folders(changed) >= expected


def test_a_conftest_selects_the_tests_below_it() -> None:
    assert folders("tests/integration/locker/conftest.py") == {"tests/integration/locker"}


def test_a_text_for_people_selects_nothing() -> None:
    assert folders("README.md", "docs/costs.md") == set()
