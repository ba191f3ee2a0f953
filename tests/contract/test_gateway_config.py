"""The contracts and `gateway-config/` agree: every operation is exposed, or internal to services."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tools.gateway.build import GATEWAYS, read_gateway
from tools.gateway.contracts import Operation, load_contracts
from tools.gateway.model import Exposed, Gateway
from tools.project import CONTRACTS

DOMAINS = {"auth", "customer", "shopping", "billing", "admin", "locker"}


@pytest.fixture(scope="module")
def operations() -> Mapping[str, Operation]:
    return load_contracts(CONTRACTS)


@pytest.fixture(scope="module")
def gateways() -> list[Gateway]:
    return [read_gateway(name) for name in GATEWAYS]


def exposed_by(gateways: list[Gateway], name: str) -> dict[str, Exposed]:
    gateway = next(one for one in gateways if one.name == name)
    return {exposed.operation.operation_id: exposed for exposed in gateway.exposed}


def test_there_are_six_contracts(operations: Mapping[str, Operation]) -> None:
    assert {operation.service for operation in operations.values()} == DOMAINS


def test_every_operation_is_exposed_or_internal_to_services(
    operations: Mapping[str, Operation], gateways: list[Gateway]
) -> None:
    exposed = {one.operation.operation_id for gateway in gateways for one in gateway.exposed}
    between_services = {name for name, operation in operations.items() if operation.service_only}
    assert exposed | between_services == set(operations)


def test_operations_between_services_are_not_exposed(
    operations: Mapping[str, Operation], gateways: list[Gateway]
) -> None:
    exposed = {one.operation.operation_id for gateway in gateways for one in gateway.exposed}
    assert not [name for name in exposed if operations[name].service_only]


def test_the_external_gateway_opens_exactly_the_open_operations(gateways: list[Gateway]) -> None:
    for exposed in exposed_by(gateways, "external").values():
        assert exposed.needs_token == exposed.operation.needs_token, exposed.operation.operation_id


def test_the_internal_gateway_opens_only_token_operations(gateways: list[Gateway]) -> None:
    internal = exposed_by(gateways, "internal")
    assert {name for name, exposed in internal.items() if not exposed.needs_token} == {
        "create_oauth_token",
        "log_in_staff",
        "refresh_staff_session",
        "set_staff_password",
    }


def test_staff_log_in_at_the_internal_gateway_and_customers_at_the_external(
    gateways: list[Gateway],
) -> None:
    external, internal = exposed_by(gateways, "external"), exposed_by(gateways, "internal")
    assert "log_in_customer" in external
    assert "log_in_customer" not in internal
    assert "log_in_staff" in internal
    assert "log_in_staff" not in external


@pytest.mark.parametrize(
    "scope",
    [
        "shopping:products:read",
        "shopping:products:write",
        "shopping:prices:write",
        "shopping:products:publish",
        "admin:packing-orders",
        "admin:settings:read",
        "admin:settings:write",
        "admin:audit:read",
        "customer:buying-orders:monitor",
        "locker:boxes:read",
        "locker:boxes:write",
    ],
)
def test_staff_scopes_do_not_apply_at_the_external_gateway(gateways: list[Gateway], scope: str) -> None:
    external, internal = exposed_by(gateways, "external"), exposed_by(gateways, "internal")
    assert not [name for name, exposed in external.items() if scope in exposed.operation.scopes]
    assert [name for name, exposed in internal.items() if scope in exposed.operation.scopes]
