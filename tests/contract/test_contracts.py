"""The contracts and the event schemas hold together with each other and with the code."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from connexion.spec import Specification
from openapi_spec_validator import validate

from libs.chassis.events import schema_file
from libs.chassis.service import NAMES, load_service
from libs.chassis.topology import Subscription, describe
from libs.chassis.validation import to_json_schema

CONTRACTS = Path(__file__).resolve().parents[2] / "openapi"
METHODS = ("get", "put", "post", "delete", "patch")
SCOPES = yaml.safe_load((CONTRACTS / "scopes.yaml").read_text())


def contract(name: str) -> dict[str, Any]:
    """A contract with every reference followed, as Connexion reads it."""
    return dict(Specification.load(CONTRACTS / f"{name}.yaml"))


def operations(name: str) -> Iterator[dict[str, Any]]:
    for path in contract(name)["paths"].values():
        yield from (operation for method, operation in path.items() if method in METHODS)


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_is_valid_openapi(name: str) -> None:
    validate(contract(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_example_matches_its_schema(name: str) -> None:
    checked = 0
    for operation in operations(name):
        parts = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for part in parts for content in part.get("content", {}).values()):
            validator = jsonschema_rs.Draft4Validator(to_json_schema(content["schema"]), validate_formats=True)
            faults = [error.message for error in validator.iter_errors(content["example"])]
            assert not faults, f"{operation['operationId']}: {faults}"
            checked += 1
    assert checked > 10


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_has_its_handler(name: str) -> None:
    for operation in operations(name):
        module = importlib.import_module(operation["x-openapi-router-controller"])
        assert callable(getattr(module, operation["operationId"], None)), operation["operationId"]


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_can_say_what_goes_wrong(name: str) -> None:
    for operation in operations(name):
        needed = {"400", "429", "500", "503"} | ({"401", "403"} if operation["security"] else set())
        needed |= {"413", "415"} if "requestBody" in operation else set()
        assert needed <= operation["responses"].keys(), operation["operationId"]


@pytest.mark.parametrize("name", NAMES)
def test_what_creates_or_charges_takes_an_idempotency_key(name: str) -> None:
    """Every POST that answers 201 does, except log-ins and the hold, whose order id is its key."""
    for path, item in contract(name)["paths"].items():
        operation = item.get("post")
        if operation is None or "201" not in operation["responses"] or "logins" in path or path.endswith("/holds"):
            continue
        assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]], path


def test_operation_ids_are_unique_over_all_contracts() -> None:
    names = Counter(operation["operationId"] for name in NAMES for operation in operations(name))
    assert [name for name, count in names.items() if count > 1] == []


def test_the_scopes_of_the_contracts_are_those_of_the_catalogue() -> None:
    used = {
        scope
        for name in NAMES
        for operation in operations(name)
        for needed in operation["security"]
        for scope in needed["oauth2"]
    }
    assert used == SCOPES.keys()


def event_types() -> dict[str, list[str]]:
    """Every event type that is published, with the services that handle it."""
    registries = {name: load_service(name).events for name in NAMES}
    published = {event_type for registry in registries.values() for event_type in registry.published}
    return {
        kind: [name for name, registry in registries.items() if kind in registry.handlers] for kind in published
    }


def test_every_handled_event_is_published_by_somebody() -> None:
    handled = {event_type for name in NAMES for event_type in load_service(name).events.handlers}
    assert handled <= event_types().keys()


def test_every_event_has_a_schema_and_is_in_the_catalogue() -> None:
    catalogue = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())["components"]["messages"]
    listed = {message["name"]: message for message in catalogue.values()}
    assert listed.keys() == event_types().keys()
    for event_type in event_types():
        schema = json.loads(schema_file(event_type).read_text())
        jsonschema_rs.meta.validate(schema)
        assert schema["additionalProperties"] is False
        assert (
            listed[event_type]["payload"]["properties"]["data"]["$ref"] == f"events/{schema_file(event_type).name}"
        )


def test_every_handled_event_has_its_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libs.chassis.topology.settings", lambda: type("S", (), {"resource_prefix": "reclothes"}))
    for name in NAMES:
        registry = load_service(name).events
        found = [kind for subscription in describe(registry).subscriptions for kind in _types(subscription)]
        assert sorted(found) == sorted(registry.handlers)


def _types(subscription: Subscription) -> tuple[str, ...]:
    return subscription.values if subscription.attribute == "type" else ()
