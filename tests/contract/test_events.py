"""The event schemas, the files generated from them, and the events that services publish and handle agree."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from libs.chassis.events import SCHEMAS, schema_file
from libs.chassis.service import NAMES, load_service
from libs.chassis.topology import Subscription, describe
from tests.contract.documents import schemas_in
from tools.events.__main__ import render

FILES = sorted(path.name for path in SCHEMAS.glob("*.json"))


def published() -> dict[str, set[str]]:
    return {name: load_service(name).events.published for name in NAMES}


def handled() -> dict[str, set[str]]:
    return {name: set(load_service(name).events.handlers) for name in NAMES}


def test_every_handled_event_is_published() -> None:
    assert set().union(*handled().values()) <= set().union(*published().values())


def test_generated_files_are_current() -> None:
    assert [path.name for path, content in render() if path.read_text() != content] == [], "Run `make events`."


def test_every_schema_belongs_to_a_published_event() -> None:
    assert {schema_file(event_type).name for event_type in set().union(*published().values())} == set(FILES)


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
