"""The contracts are consistent with each other and with the code."""

from __future__ import annotations

import importlib
import json
import re
from collections import Counter
from typing import Any

import jsonschema_rs
import pytest
import yaml
from openapi_spec_validator import validate

from libs.chassis.service import NAMES
from libs.chassis.text_normalization import is_text
from libs.chassis.validation import to_json_schema
from tests.contract.documents import (
    CONTRACTS,
    contract,
    operations,
    schemas_in,
    written,
    written_operations,
)

SCOPES: dict[str, dict[str, Any]] = yaml.safe_load((CONTRACTS / "scopes.yaml").read_text())

# Whoever adds to these opens something to the world.
OPEN_TO_EVERYBODY = {
    "begin_authorization",
    "browse_products",
    "create_oauth_token",
    "get_anonymous_cart",
    "get_application",
    "get_authorization_server",
    "get_location",
    "get_payment_configuration",
    "get_product",
    "introspect_token",
    "list_locations",
    "count_product_facets",
    "log_in_customer",
    "log_in_staff",
    "put_anonymous_cart_item",
    "receive_stripe_webhook",
    "refresh_customer_session",
    "refresh_staff_session",
    "register_customer",
    "remove_anonymous_cart_item",
    "request_password_reset",
    "revoke_token",
    "set_customer_password",
    "set_staff_password",
    "start_anonymous_cart",
    "verify_email",
}
WELL_KNOWN = {"/.well-known/oauth-authorization-server"}  # RFC 8414 says where it is
OPEN_BETWEEN_SERVICES = {"get_jwks", "issue_token"}


def faults(schema: dict[str, Any], example: Any) -> list[str]:
    validator = jsonschema_rs.Draft4Validator(to_json_schema(schema), validate_formats=True)
    return [error.message for error in validator.iter_errors(example)]


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_is_valid_openapi(name: str) -> None:
    validate(contract(name))
    assert contract(name)["openapi"] == "3.0.3", "Amazon API Gateway imports no 3.1"


@pytest.mark.parametrize("name", NAMES)
def test_every_example_matches_its_schema(name: str) -> None:
    checked = 0
    for operation in operations(name):
        parts = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for part in parts for content in part.get("content", {}).values()):
            assert not faults(content["schema"], content["example"]), operation["operationId"]
            checked += 1
    assert checked > 10


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_an_example_that_it_would_accept(name: str) -> None:
    for operation in operations(name):
        for parameter in operation.get("parameters", ()):
            where = f"{operation['operationId']}: {parameter['name']}"
            example = parameter.get("example", parameter["schema"].get("example"))
            assert example is not None, where
            assert not faults(parameter["schema"], example), where
            assert parameter["description"], where


SECRETS = re.compile(r"(token|secret|password|code|state|verifier|challenge|redirect_uri|scope|client_id)$")


@pytest.mark.parametrize("name", NAMES)
def test_opaque_values_are_not_normalised(name: str) -> None:
    for operation in operations(name):
        contents = operation.get("requestBody", {}).get("content", {}).values()
        sent = [found for content in contents for found in schemas_in(content["schema"])]
        sent += [(found["name"], found["schema"]) for found in operation.get("parameters", ())]
        for where, schema in sent:
            if SECRETS.search(where) and "postal_code" not in where:
                assert not is_text(schema), f"{operation['operationId']} {where}: declare it x-opaque"


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_has_its_handler(name: str) -> None:
    for operation in operations(name):
        controller = operation["x-openapi-router-controller"]
        assert controller.startswith(f"services.{name}.")
        assert "api" in controller.split(".")
        module = importlib.import_module(operation["x-openapi-router-controller"])
        assert callable(getattr(module, operation["operationId"], None)), operation["operationId"]


@pytest.mark.parametrize("name", NAMES)
def test_every_path_begins_with_its_domain_and_version(name: str) -> None:
    assert {path for path in contract(name)["paths"] if not path.startswith(f"/{name}/v1/")} <= WELL_KNOWN


def needed_errors(operation: dict[str, Any]) -> set[str]:
    """The errors that an operation must define, by its method, parameters and security."""
    headers = {found["name"] for found in operation.get("parameters", ()) if found["in"] == "header"}
    needed = {"400", "429", "500", "503"}
    needed |= {"401", "403"} if operation["security"] else set()
    needed |= {"413", "415"} if "requestBody" in operation else set()
    needed |= {"404"} if operation["method"] == "get" and operation["path"].endswith("}") else set()
    needed |= {"409", "422"} if "Idempotency-Key" in headers else set()
    return needed | ({"409", "412"} if "If-Match" in headers else set())


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_defines_its_errors(name: str) -> None:
    for operation in operations(name):
        assert needed_errors(operation) <= operation["responses"].keys(), operation["operationId"]


@pytest.mark.parametrize("name", NAMES)
def test_every_error_is_one_of_the_shared_problem_documents(name: str) -> None:
    for operation in written_operations(name):
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert answer["$ref"].startswith("components/responses.yaml#/"), operation["operationId"]
    for operation in operations(name):
        for status, answer in operation["responses"].items():
            if status >= "400":
                example = answer["content"]["application/problem+json"]["example"]
                assert str(example["status"]) in (status, "402"), (operation["operationId"], status)
                assert "X-Request-Id" in answer["headers"]


@pytest.mark.parametrize("name", NAMES)
def test_operations_that_create_or_charge_take_an_idempotency_key(name: str) -> None:
    """Every POST with the response 201, except log-ins and the hold, whose order id is its key."""
    for operation in operations(name):
        path, creates = operation["path"], operation["method"] == "post" and "201" in operation["responses"]
        if creates and "logins" not in path and not path.endswith("/holds"):
            [key] = [found for found in operation["parameters"] if found["name"] == "Idempotency-Key"]
            assert key["required"], path


@pytest.mark.parametrize("name", NAMES)
def test_request_bodies_are_closed_and_bounded(name: str) -> None:
    for operation in operations(name):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for where, schema in schemas_in(content["schema"]):
                problem = f"{operation['operationId']}: {where}"
                if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
                    assert "maxProperties" in schema, problem
                if schema.get("type") == "array":
                    assert "maxItems" in schema, problem
                if schema.get("type") == "string":
                    assert schema.keys() & {"maxLength", "enum"}, problem
                if schema.get("type") in ("integer", "number"):
                    assert {"minimum", "maximum"} <= schema.keys(), problem


@pytest.mark.parametrize("name", NAMES)
def test_all_lists_are_paged_alike(name: str) -> None:
    for operation in operations(name):
        if not operation["operationId"].startswith(("list_", "browse_")):
            continue
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert {"items", "next_cursor"} <= set(answer["required"]), operation["operationId"]
        if operation["operationId"] != "list_system_settings":  # a catalogue, always whole
            names = [parameter["name"] for parameter in operation["parameters"]]
            assert names[-2:] == ["limit", "cursor"], operation["operationId"]


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_has_nothing_that_a_gateway_or_a_template_would_break(name: str) -> None:
    text = (CONTRACTS / f"{name}.yaml").read_text()
    assert "{{" not in text, "Connexion takes it for a Jinja template"
    assert not [word for word in ("oneOf", "anyOf", "allOf", "discriminator") if f"{word}:" in text]
    json.dumps(contract(name))  # a circular reference could not be written out


def test_operation_ids_are_unique_over_all_contracts() -> None:
    names = Counter(operation["operationId"] for name in NAMES for operation in operations(name))
    assert [name for name, count in names.items() if count > 1] == []


def test_only_listed_operations_are_open() -> None:
    everything = [operation for name in NAMES for operation in operations(name)]
    opened = {one["operationId"] for one in everything if not one["security"]}
    between_services = {one["operationId"] for one in everything if one.get("x-service-only")}
    assert opened - between_services == OPEN_TO_EVERYBODY
    assert opened & between_services == OPEN_BETWEEN_SERVICES


def test_the_scopes_of_the_contracts_are_in_the_catalogue() -> None:
    used = set()
    for name in NAMES:
        asked = {
            scope
            for operation in operations(name)
            for needed in operation["security"]
            for scope in needed["oauth2"]
        }
        [flow] = written(name)["components"]["securitySchemes"]["oauth2"]["flows"].values()
        assert flow["scopes"] == {scope: SCOPES[scope]["description"] for scope in asked}, name
        used |= asked
    assert used == SCOPES.keys()


def test_the_lock_file_names_only_the_public_registry() -> None:
    packages = json.loads((CONTRACTS / "package-lock.json").read_text())["packages"]
    places = {package["resolved"] for package in packages.values() if "resolved" in package}
    assert [place for place in places if not place.startswith("https://registry.npmjs.org/")] == []
    assert all("integrity" in package for path, package in packages.items() if path)
