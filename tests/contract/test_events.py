"""The event schemas, their catalogue in AsyncAPI, and what the services declare are one."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
import yaml

from libs.chassis.events import SCHEMAS, schema_file
from libs.chassis.service import NAMES, load_service
from libs.chassis.topology import Subscription, describe
from tests.contract.documents import CONTRACTS, schemas_in

CATALOGUE: dict[str, Any] = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())
MESSAGES: dict[str, Any] = {message["name"]: message for message in CATALOGUE["components"]["messages"].values()}
FILES = sorted(path.name for path in SCHEMAS.glob("*.json"))


def published() -> dict[str, set[str]]:
    return {name: load_service(name).events.published for name in NAMES}


def handled() -> dict[str, set[str]]:
    return {name: set(load_service(name).events.handlers) for name in NAMES}


def messages_of(operation: dict[str, Any]) -> set[str]:
    """The event types of an operation of the catalogue: those it lists, or all of its channel."""
    channel = CATALOGUE["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
    keys = [reference["$ref"].rpartition("/")[2] for reference in operation.get("messages", ())]
    return {CATALOGUE["components"]["messages"][key]["name"] for key in keys or channel["messages"]}


def test_every_handled_event_is_published_by_somebody() -> None:
    assert set().union(*handled().values()) <= set().union(*published().values())


def test_the_catalogue_lists_what_services_publish() -> None:
    everything = set().union(*published().values())
    assert everything == MESSAGES.keys()
    for name, types in published().items():
        assert messages_of(CATALOGUE["operations"][f"publish_{name}_events"]) == types


def test_the_catalogue_lists_who_handles_what() -> None:
    listed: dict[str, set[str]] = {name: set() for name in NAMES}
    for name, operation in CATALOGUE["operations"].items():
        if operation["action"] == "receive":
            listed[name.rpartition("_in_")[2]] |= messages_of(operation)
    assert listed == handled()


@pytest.mark.parametrize("event_type", sorted(MESSAGES))
def test_a_message_points_at_the_schema_that_the_code_uses(event_type: str) -> None:
    envelope, own = MESSAGES[event_type]["payload"]["allOf"]
    assert envelope["$ref"] == "#/components/schemas/CloudEvent"
    assert own["properties"]["type"]["const"] == event_type
    assert own["properties"]["data"]["$ref"] == f"events/{schema_file(event_type).name}"


def test_there_is_no_schema_that_no_event_uses() -> None:
    assert {schema_file(event_type).name for event_type in MESSAGES} == set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_a_schema_is_closed_bounded_and_accepts_its_own_example(file: str) -> None:
    schema = json.loads((SCHEMAS / file).read_text())
    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"].endswith("2020-12/schema")
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    [example] = schema["examples"]
    assert not [error.message for error in validator.iter_errors(example)]
    assert not validator.is_valid({**example, "something_else": 1})
    for where, inner in schemas_in(schema):
        if inner.get("type") == "object":
            assert inner["additionalProperties"] is False, where
            assert set(inner["required"]) == inner["properties"].keys(), where
        if inner.get("type") == "string":
            assert inner.keys() & {"pattern", "enum", "format", "maxLength"}, where
        if inner.get("type") == "array":
            assert "maxItems" in inner, where


def test_every_handled_event_has_its_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libs.chassis.topology.settings", lambda: type("S", (), {"resource_prefix": "reclothes"}))
    for name in NAMES:
        registry = load_service(name).events
        found = [kind for subscription in describe(registry).subscriptions for kind in _types(subscription)]
        assert sorted(found) == sorted(registry.handlers)


def _types(subscription: Subscription) -> tuple[str, ...]:
    return subscription.values if subscription.attribute == "type" else ()
