"""Texts that people write are not blank by the contracts of customer, admin and locker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.test_contracts import operations

NOT_OF_PEOPLE = {"report_events"}


def empty_texts(schema: Any, path: str) -> Iterator[str]:
    """The places of a schema with a text that may be empty."""
    if not isinstance(schema, dict):
        return
    is_free = schema.get("type") == "string" and not {"enum", "pattern", "format"} & schema.keys()
    if is_free and schema.get("minLength", 0) < 1:
        yield path
    for name, part in schema.get("properties", {}).items():
        yield from empty_texts(part, f"{path}/{name}")
    yield from empty_texts(schema.get("items"), f"{path}/0")
    yield from empty_texts(schema.get("additionalProperties"), f"{path}/*")


@pytest.mark.parametrize("name", ["customer", "admin", "locker"])
def test_no_text_of_a_request_can_be_empty(name: str) -> None:
    found = [
        path
        for operation in operations(name)
        if operation["operationId"] not in NOT_OF_PEOPLE
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for path in empty_texts(content["schema"], operation["operationId"])
    ]
    assert found == []
