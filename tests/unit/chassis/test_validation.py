"""The errors of an invalid request: all of them, with place and reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.chassis.connexion_adapter import BodyValidator
from libs.chassis.problems import BadRequest, UnsupportedMediaType
from libs.chassis.validation import compile_schema, find_errors

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 10},
        "at": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email"},
        "key": {"type": "string", "format": "uuid"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "maybe": {"type": "string", "enum": ["a", "b"], "nullable": True},
        "count": {"type": "integer", "minimum": 1},
        "a/b~c": {"type": "array", "maxItems": 2, "items": {"type": "integer"}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
        },
    },
}


def pointers(value: Any) -> list[str]:
    return [fault["pointer"] for fault in find_errors(compile_schema(SCHEMA), value)]


@pytest.mark.parametrize(
    "good",
    [
        {"name": "a"},
        {"name": "a", "maybe": None},
        {"name": "a", "maybe": "b"},
        {"name": "a", "at": "2026-03-01T12:00:00Z"},
        {"name": "a", "at": "2026-03-01T12:00:00.123+01:00"},
        {"name": "a", "mail": "ana@example.com"},
        {"name": "a", "key": "0198f3c2-1111-7111-8111-111111111111"},
        {"name": "a", "count": 1, "lines": []},
    ],
    ids=str,
)
def test_a_valid_value_has_no_errors(good: Any) -> None:
    assert pointers(good) == []


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        ({}, "/name"),
        ([], "/"),
        (None, "/"),
        ({"name": None}, "/name"),
        ({"name": "A"}, "/name"),
        ({"name": "abcdefghijk"}, "/name"),
        ({"name": "a", "at": "yesterday"}, "/at"),
        ({"name": "a", "at": "2026-03-01T12:00:00"}, "/at"),
        ({"name": "a", "at": "2026-02-30T12:00:00Z"}, "/at"),
        ({"name": "a", "at": 5}, "/at"),
        ({"name": "a", "mail": "ana"}, "/mail"),
        ({"name": "a", "key": "0198f3c2"}, "/key"),
        ({"name": "a", "key": "0198f3c2111171118111111111111111"}, "/key"),
        ({"name": "a", "kind": "c"}, "/kind"),
        ({"name": "a", "kind": None}, "/kind"),
        ({"name": "a", "maybe": "c"}, "/maybe"),
        ({"name": "a", "count": 0}, "/count"),
        ({"name": "a", "count": "1"}, "/count"),
        ({"name": "a", "count": True}, "/count"),
        ({"name": "a", "lines": [{"n": 1}, {"n": "1"}]}, "/lines/1/n"),
        ({"name": "a", "lines": [{}]}, "/lines/0/n"),
        ({"name": "a", "a/b~c": ["x"]}, "/a~1b~0c/0"),
    ],
    ids=str,
)
def test_an_error_has_a_pointer(bad: Any, pointer: str) -> None:
    assert set(pointers(bad)) == {pointer}


def test_all_errors_are_reported_together() -> None:
    assert set(pointers({"kind": "c", "count": 0, "mail": "x"})) == {"/name", "/kind", "/count", "/mail"}


def test_unknown_names_are_errors() -> None:
    (fault,) = find_errors(compile_schema(SCHEMA), {"name": "a", "colour": 1, "price": 2})
    assert "colour" in fault["detail"]
    assert "price" in fault["detail"]


def test_the_number_and_the_length_of_errors_are_limited() -> None:
    many = {"name": "a", "lines": [{"n": "x" * 1000}] * 100}
    found = find_errors(compile_schema(SCHEMA), many)
    assert len(found) == 20
    assert all(len(fault["detail"]) <= 300 for fault in found)


def test_the_pointer_of_a_parameter_is_its_place() -> None:
    (fault,) = find_errors(compile_schema({"type": "integer", "maximum": 100}), 101, "query/limit")
    assert fault["pointer"] == "query/limit"


JSON = ((b"content-type", b"application/json"),)


def parsed(content: bytes, headers: tuple[tuple[bytes, bytes], ...] = JSON) -> Any:
    async def stream() -> AsyncIterator[bytes]:
        for position in range(0, len(content), 1000):
            yield content[position : position + 1000]

    validator = object.__new__(BodyValidator)
    return asyncio.run(validator._parse(stream(), {"headers": headers}))


def test_a_body_in_several_messages_is_one_body() -> None:
    assert parsed(b'{"a": "' + b"x" * 5000 + b'"}') == {"a": "x" * 5000}
    assert parsed(b"") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b'{"deep": {"b": 1, "c": 1, "b": 1}}', "'b' occurs twice"),
        (b"[" * 100_000, "nested too deep"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": 1e999}', "not JSON"),
    ],
    ids=["twice", "twice, deeper", "deep", "cut off", "not UTF-8", "NaN", "infinite"],
)
def test_a_body_that_is_not_json_is_a_400(content: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        parsed(content)


def test_a_body_without_a_media_type_is_a_415() -> None:
    with pytest.raises(UnsupportedMediaType, match="Content-Type"):
        parsed(b"{}", headers=())
    assert parsed(b"", headers=()) is None


def test_components_that_connexion_adds_to_a_schema_are_ignored() -> None:
    schema: dict[str, Any] = {"type": "string"}
    schema["components"] = {"responses": {"Name": {"content": {"application/json": {"schema": schema}}}}}
    assert compile_schema(schema).is_valid("Ana")
