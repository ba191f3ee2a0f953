"""What a change of contracts and events breaks, as callers and subscribers of the last release would feel it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.release.repositories import Repository
from tools.release.compatibility import breaking_changes
from tools.release.compatibility.contracts import broken_operations
from tools.release.compatibility.events import broken_events
from tools.release.project import SERVICES

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


def body(operation: Contract) -> Contract:
    schema: Contract = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema


def answer(operation: Contract) -> Contract:
    schema: Contract = operation["responses"]["201"]["content"]["application/json"]["schema"]
    return schema


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(summary="Better words"),
        lambda one: one.update(security=[{"oauth2": []}]),
        lambda one: one["parameters"].append({"in": "query", "name": "new", "schema": {"type": "string"}}),
        lambda one: body(one)["properties"].update(colour={"type": "string"}),
        lambda one: body(one)["properties"]["title"].update(maxLength=80),
        lambda one: body(one).update(required=[]),
        lambda one: answer(one)["properties"].update(price={"type": "integer"}),
        lambda one: answer(one)["required"].append("price"),
        lambda one: one["responses"].update({"409": one["responses"]["400"]}),
    ],
)
def test_what_a_caller_does_not_notice_breaks_nothing(change: Callable[[Contract], object]) -> None:
    assert list(broken_operations(OLD, changed(change))) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda one: one.update(operationId="make_coat"), "SDKs know it as create_coat, not as make_coat"),
        (lambda one: one.update(security=[{"oauth2": ["a"]}]), "needs the scopes a too"),
        (lambda one: one["parameters"].clear(), "query dry is gone"),
        (lambda one: one["parameters"][0].update(required=True), "query dry is demanded now"),
        (lambda one: one["parameters"].append({"in": "header", "name": "X", "required": True, "schema": {}}),
         "header X is demanded now"),
        (lambda one: one["parameters"][0].update(schema={"enum": ["yes"]}), "query dry: "),
        (lambda one: body(one)["properties"].pop("size"), "body/size: can be there, which is not taken any more"),
        (lambda one: body(one)["required"].append("size"), "body/size: can be absent"),
        (lambda one: body(one)["properties"]["title"].update(maxLength=9), "body/title: maxLength is 50"),
        (lambda one: one.pop("requestBody"), "no body is taken any more"),
        (lambda one: answer(one)["required"].remove("state"), "201/state: can be absent, which was not promised"),
        (lambda one: answer(one)["properties"]["state"]["enum"].append("lost"), "201/state: can be lost"),
        (lambda one: one["responses"].pop("201"), "never answers 201 any more"),
        (lambda one: one["responses"].update({"202": {}}), "can answer 202"),
        (lambda one: one["responses"].update({"400": {"content": {}}}), "400 is no application/problem+json"),
    ],
)  # fmt: skip
def test_what_a_caller_stumbles_over_is_told(change: Callable[[Contract], object], told: str) -> None:
    faults = list(broken_operations(OLD, changed(change)))
    assert any(fault.startswith(f"POST /shopping/v1/coats: {told}") for fault in faults), faults


def test_an_operation_that_is_gone_and_one_that_needs_a_token_now() -> None:
    assert list(broken_operations(OLD, {"paths": {}})) == ["POST /shopping/v1/coats: is gone"]
    opened = changed(lambda one: one.update(security=[]))
    assert list(broken_operations(opened, OLD)) == ["POST /shopping/v1/coats: needs a token now"]
    assert list(broken_operations(OLD, opened)) == []


EVENT = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {"id": {"type": "string"}},
}


def test_events_may_lose_nothing_and_get_what_old_subscribers_leave_aside() -> None:
    more = {**EVENT, "properties": {**EVENT["properties"], "note": {"type": "string"}}}
    assert list(broken_events({"a.v1": EVENT}, {"a.v1": more, "b.v1": EVENT})) == []
    [gone] = broken_events({"a.v1": EVENT}, {})
    assert gone.startswith("a.v1: is gone")
    faults = list(broken_events({"a.v1": EVENT}, {"a.v1": {**more, "required": ["id", "note"]}}))
    assert faults == ["a.v1/note: can be absent in an event of the last release, which new subscribers refuse"]
    faults = list(broken_events({"a.v1": EVENT}, {"a.v1": {**EVENT, "required": []}}))
    assert faults == ["a.v1/id: can be absent, which subscribers of the last release do not expect"]


def test_the_tree_is_compared_with_a_commit(tmp_path: Path) -> None:
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
        "shopping: POST /shopping/v1/coats: is gone",
        "a.v1/id: can be absent, which subscribers of the last release do not expect",
    ]
