"""Values that match one version of a schema and not the other."""

from __future__ import annotations

from typing import Any

import pytest

from tools.checks.compatibility.schemas import mismatches

Schema = dict[str, Any]


def thing(properties: Schema, *required: str, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), **more}


TEXT = {"type": "string", "maxLength": 10}
CLOSED = {"additionalProperties": False}


@pytest.mark.parametrize(
    ("narrow", "wide", "messages"),
    [
        ({"type": "integer"}, {"type": "number"}, []),
        ({"type": "number"}, {"type": "integer"}, [": can be number"]),
        ({"type": "string", "nullable": True}, {"type": "string"}, [": can be null"]),
        ({"type": "string"}, {"type": ["string", "null"]}, []),
        ({}, {"type": "string"}, [": can be any type, but only string is allowed"]),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, []),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, [": can be b"]),
        ({"type": "string"}, {"type": "string", "enum": ["a"]}, [": can be any value, but only a is allowed"]),
        ({"const": 1}, {"type": "integer"}, []),
        ({"type": "string", "maxLength": 5}, {"type": "string", "maxLength": 9}, []),
        ({"type": "string"}, TEXT, [": maxLength is unlimited, but 10 is required"]),
        ({"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1},
         [": minimum is 0, but 1 is required"]),
        ({"type": "string"}, {"type": "string", "minLength": 0}, []),
        ({"enum": ["a"]}, TEXT, []),
        ({"type": "string", "pattern": "^a$"}, {"type": "string", "pattern": "^b$"}, [": pattern differs"]),
        ({"type": "string", "pattern": "^a$"}, {"type": "string"}, []),
        (thing({"a": TEXT}), thing({"a": TEXT}, "a"), ["/a: can be absent"]),
        (thing({"a": TEXT}, "a"), thing({"a": TEXT}), []),
        (thing({"a": TEXT, "b": TEXT}, **CLOSED), thing({"a": TEXT}, **CLOSED), ["/b: can be present"]),
        (thing({"a": TEXT}), thing({"a": TEXT}, **CLOSED), [": can have any field"]),
        (thing({"a": thing({"b": {"type": "string"}})}), thing({"a": thing({"b": TEXT})}),
         ["/a/b: maxLength is unlimited, but 10 is required"]),
        (thing({}, additionalProperties={"type": "string"}), thing({}, additionalProperties=TEXT),
         ["/<any>: maxLength is unlimited, but 10 is required"]),
        ({"type": "array", "items": {"type": "string"}}, {"type": "array", "items": TEXT},
         ["/*: maxLength is unlimited, but 10 is required"]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}, [": can be null"]),
        ({"type": "null"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, []),
        ({"type": "integer"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, [": can be integer"]),
        ({"type": "string", "description": "old"}, {"type": "string", "description": "new"}, []),
    ],
)  # fmt: skip
def test_mismatches(narrow: Schema, wide: Schema, messages: list[str]) -> None:
    assert list(mismatches(narrow, wide)) == messages


def test_schema_matches_itself() -> None:
    schema = thing({"a": {"anyOf": [TEXT, {"type": "null"}]}, "b": {"type": "array", "items": TEXT}}, "a", **CLOSED)
    assert list(mismatches(schema, schema)) == []
