"""What the callers of a gateway may see of the contracts: all that it exposes, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from openapi_spec_validator import validate

from tools.gateway.build import GATEWAYS, GatewayName, read_gateway
from tools.publishing.contracts import merged_document, published_documents

Json = dict[str, Any]


@cache
def merged(gateway: GatewayName) -> Json:
    return merged_document(gateway, published_documents(gateway))


def operations(document: Json) -> set[str]:
    return {
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    }


def parts(value: Any) -> Iterator[Json]:
    """Every mapping in a document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_only_exposed_operations_are_published(gateway: GatewayName) -> None:
    exposed = {one.operation.operation_id for one in read_gateway(gateway).exposed}
    assert set().union(*(operations(document) for document in published_documents(gateway).values())) == exposed
    assert operations(merged(gateway)) == exposed


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_documents_are_valid_and_contain_no_internal_names(gateway: GatewayName) -> None:
    validate(merged(gateway))
    for document in published_documents(gateway).values():
        assert not [key for part in parts(document) for key in part if str(key).startswith("x-")]
        assert "services." not in str(document)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_references_are_valid_and_components_are_used(gateway: GatewayName) -> None:
    for document in [*published_documents(gateway).values(), merged(gateway)]:
        references = {part["$ref"] for part in parts(document) if isinstance(part.get("$ref"), str)}
        there = {
            f"#/components/{section}/{name}"
            for section, components in document["components"].items()
            if section != "securitySchemes"
            for name in components
        }
        assert references == there


def test_admin_is_not_in_the_external_documents() -> None:
    assert "admin" not in published_documents("external")
    scopes = merged("external")["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
    assert not [scope for scope in scopes if scope.startswith("admin:")]


def test_merged_document_has_the_scopes_of_all_services() -> None:
    scopes = merged("external")["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
    assert {scope.partition(":")[0] for scope in scopes} >= {"customer", "shopping", "billing"}


def test_conflicting_components_get_the_names_of_their_services() -> None:
    def document(kind: str) -> Json:
        box = {"type": "object", "properties": {"thing": {"$ref": "#/components/schemas/Thing"}}}
        answer = {
            "description": "One",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Box"}}},
        }
        return {
            "info": {"title": kind, "version": "1", "description": kind},
            "servers": [],
            "paths": {f"/{kind}/v1/things": {"get": {"operationId": f"get_{kind}", "responses": {"200": answer}}}},
            "components": {"schemas": {"Thing": {"type": kind}, "Box": box}, "securitySchemes": {}},
        }

    together = merged_document("external", {"auth": document("string"), "billing": document("integer")})
    schemas = together["components"]["schemas"]
    assert schemas.keys() == {"AuthThing", "BillingThing", "AuthBox", "BillingBox"}
    answer = together["paths"]["/integer/v1/things"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/BillingBox"
    assert schemas["BillingBox"]["properties"]["thing"]["$ref"] == "#/components/schemas/BillingThing"
