"""Changes of contracts and events that break clients or subscribers of the last release."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import Repository
from tools.checks.compatibility import breaking_changes
from tools.checks.compatibility.contracts import breaking_operations
from tools.checks.compatibility.events import breaking_events
from tools.project import SERVICES

Contract = dict[str, Any]
COAT = {
    "type": "object",
    "required": ["id", "state"],
    "additionalProperties": False,
    "properties": {"id": {"type": "string"}, "state": {"enum": ["new", "sold"]}},
}
BODY = {
    "type": "object",
    "required": ["title"],
    "additionalProperties": False,
    "properties": {"title": {"type": "string", "maxLength": 50}, "size": {"type": "string"}},
}
OPERATION = {
    "operationId": "create_coat",
    "security": [{"oauth2": ["coats:write"]}],
    "parameters": [{"in": "query", "name": "dry", "schema": {"type": "boolean"}}],
    "requestBody": {"required": True, "content": {"application/json": {"schema": BODY}}},
    "responses": {
        "201": {"description": "Made.", "content": {"application/json": {"schema": COAT}}},
        "400": {"description": "Bad.", "content": {"application/problem+json": {"schema": {"type": "object"}}}},
    },
}
OLD: Contract = {"openapi": "3.0.3", "paths": {"/shopping/v1/coats": {"post": OPERATION}}}


def changed(change: Callable[[Contract], object]) -> Contract:
    new = copy.deepcopy(OLD)
    change(new["paths"]["/shopping/v1/coats"]["post"])
    return new


def request_schema(operation: Contract) -> Contract:
    schema: Contract = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema


def response_schema(operation: Contract) -> Contract:
    schema: Contract = operation["responses"]["201"]["content"]["application/json"]["schema"]
    return schema


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(summary="Better words"),
        lambda one: one.update(security=[{"oauth2": []}]),
        lambda one: one["parameters"].append({"in": "query", "name": "new", "schema": {"type": "string"}}),
        lambda one: request_schema(one)["properties"].update(colour={"type": "string"}),
        lambda one: request_schema(one)["properties"]["title"].update(maxLength=80),
        lambda one: request_schema(one).update(required=[]),
        lambda one: response_schema(one)["properties"].update(price={"type": "integer"}),
        lambda one: response_schema(one)["required"].append("price"),
        lambda one: one["responses"].update({"409": one["responses"]["400"]}),
    ],
)
def test_compatible_change(change: Callable[[Contract], object]) -> None:
    assert list(breaking_operations(OLD, changed(change))) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.update(operationId="make_coat"), "was renamed from create_coat to make_coat"),
        (lambda one: one.update(security=[{"oauth2": ["a"]}]), "now requires the scopes a"),
        (lambda one: one["parameters"].clear(), "query dry was removed"),
        (lambda one: one["parameters"][0].update(required=True), "query dry is now required"),
        (lambda one: one["parameters"].append({"in": "header", "name": "X", "required": True, "schema": {}}),
         "header X is now required"),
        (lambda one: one["parameters"][0].update(schema={"enum": ["yes"]}), "query dry: "),
        (lambda one: request_schema(one)["properties"].pop("size"), "body/size: can be present, "),
        (lambda one: request_schema(one)["required"].append("size"), "body/size: can be absent"),
        (lambda one: request_schema(one)["properties"]["title"].update(maxLength=9), "body/title: maxLength is 50"),
        (lambda one: one.pop("requestBody"), "no longer accepts a body"),
        (lambda one: response_schema(one)["required"].remove("state"), "201/state: can be absent, "),
        (lambda one: response_schema(one)["properties"]["state"]["enum"].append("lost"), "201/state: can be lost"),
        (lambda one: one["responses"].pop("201"), "no longer responds with 201"),
        (lambda one: one["responses"].update({"202": {}}), "can respond with 202"),
        (lambda one: one["responses"].update({"400": {"content": {}}}), "400 is no longer "),
    ],
)  # fmt: skip
def test_breaking_change_is_reported(change: Callable[[Contract], object], message: str) -> None:
    changes = list(breaking_operations(OLD, changed(change)))
    assert any(change.startswith(f"POST /shopping/v1/coats: {message}") for change in changes), changes


def test_removed_operation_and_new_authentication_are_reported() -> None:
    assert list(breaking_operations(OLD, {"paths": {}})) == ["POST /shopping/v1/coats: was removed"]
    opened = changed(lambda one: one.update(security=[]))
    assert list(breaking_operations(opened, OLD)) == ["POST /shopping/v1/coats: now requires a token"]
    assert list(breaking_operations(OLD, opened)) == []


EVENT = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {"id": {"type": "string"}},
}


def test_events_may_only_get_optional_fields() -> None:
    more = {**EVENT, "properties": {**EVENT["properties"], "note": {"type": "string"}}}
    assert list(breaking_events({"a.v1": EVENT}, {"a.v1": more, "b.v1": EVENT})) == []
    [removed] = breaking_events({"a.v1": EVENT}, {})
    assert removed.startswith("a.v1: was removed")
    changes = list(breaking_events({"a.v1": EVENT}, {"a.v1": {**more, "required": ["id", "note"]}}))
    assert changes == ["a.v1/note: can be absent in an event of the last release, which new subscribers reject"]
    changes = list(breaking_events({"a.v1": EVENT}, {"a.v1": {**EVENT, "required": []}}))
    assert changes == ["a.v1/id: can be absent, which subscribers of the last release do not expect"]


def test_working_tree_is_compared_with_a_commit(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    contract = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": OLD["paths"]}
    for service in SERVICES:
        repository.write(f"openapi/{service}.yaml", json.dumps({**contract, "paths": {}}))
    repository.write("openapi/shopping.yaml", json.dumps(contract))
    repository.write("openapi/components/schemas.yaml", "{}")
    repository.write("openapi/events/a.v1.json", json.dumps(EVENT))
    first = repository.commit("One")
    assert breaking_changes(first, tmp_path) == []
    repository.write("openapi/shopping.yaml", json.dumps({**contract, "paths": {}}))
    repository.write("openapi/events/a.v1.json", json.dumps({**EVENT, "required": []}))
    assert breaking_changes(first, tmp_path) == [
        "shopping: POST /shopping/v1/coats: was removed",
        "a.v1/id: can be absent, which subscribers of the last release do not expect",
    ]
