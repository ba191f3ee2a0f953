"""Replace values in valid requests by boundary values of their types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import schemathesis
from hypothesis import strategies as st

from libs.chassis.text_normalization import is_text
from tests.contract.documents import contract

TIMES = (
    "2016-12-31T23:59:60Z",
    "2016-12-31T23:59:60.999999999+23:59",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "1000-01-02T00:00:00Z",
    "9998-12-31T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "2026-02-28t23:59:59.123456789z",
)
BLANKS = (" ", "\t\n", "\u00a0", "\u0085", "\u200b", "\u200d", "\u2028", "\u2060", "\u3000", "\u3164", "\ufeff")
# One to four bytes in UTF-8 each, and two whose length changes in the normal form NFC.
CHARACTERS = ("a", "\u00e9", "\u20ac", "\U0001f9e5", "\ufb2c", "e\u0301")
NUMBERS = (0, -1, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1)
VARIANTS = len(TIMES) * len(BLANKS)
Case: TypeAlias = "schemathesis.Case[Any]"
Cases: TypeAlias = "st.SearchStrategy[Case]"


def with_boundary_values(strategy: Cases, service: str) -> Cases:
    """The cases of `strategy` with a boundary value for each text, time and integer."""

    def replace(case: Case, number: int) -> Case:
        operation = contract(service)["paths"][case.path][case.method.lower()]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            case.body = _replaced(content["schema"], case.body, number)
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query" and parameter["name"] in case.query:
                name = parameter["name"]
                case.query[name] = _replaced(parameter["schema"], case.query[name], number)
        return case

    return st.builds(replace, strategy, st.integers(0, VARIANTS - 1))


def _replaced(schema: dict[str, Any], value: Any, number: int) -> Any:
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        return {name: _replaced(parts.get(name, {}), part, number) for name, part in value.items()}
    if isinstance(value, list):
        return [_replaced(schema.get("items", {}), part, number) for part in value]
    candidates = list(_boundary_values(schema)) if not isinstance(value, bool) and value is not None else []
    return candidates[number % len(candidates)] if candidates else value


def _boundary_values(schema: dict[str, Any]) -> Iterator[Any]:
    if schema.get("format") == "date-time":
        yield from TIMES
    elif schema.get("type") == "integer":
        yield from (schema.get("minimum", 0), schema.get("maximum", 2**63 - 1), *NUMBERS)
    elif is_text(schema):
        max_length = schema.get("maxLength", 100)
        yield from (character * max_length for character in CHARACTERS)
        yield from BLANKS
