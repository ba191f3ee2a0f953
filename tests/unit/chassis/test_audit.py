"""Audit entries are truncated to the size of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from libs.chassis import events
from libs.chassis.audit import MAX_BYTES, _truncate


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


@pytest.mark.parametrize("value", [None, {}, {"a": ["x" * 4000, 5, None]}, {"description": "ж" * 4000}])
def test_a_small_value_is_unchanged(value: Any) -> None:
    assert _truncate(value) == value


def test_long_texts_are_truncated_and_followed_by_their_length() -> None:
    fitting = _truncate({"title": "Coat", "description": "😀" * 9000})
    assert fitting == {"title": "Coat", "description": "😀" * 1000 + "… (9000 characters)"}


@pytest.mark.parametrize(
    "value", [{str(number): "😀" * 200 for number in range(60)}, {"a": [{"b": "\u0001" * 5000}] * 20}]
)
def test_many_texts_are_truncated_to_the_limit(value: Any) -> None:
    assert size(_truncate(value)) <= MAX_BYTES


def test_a_value_that_cannot_be_truncated_is_replaced_by_its_size() -> None:
    value = list(range(20_000))
    assert _truncate(value) == {"omitted_bytes": len(events.as_json(value).encode())}


def test_an_event_is_utf_8_without_the_characters_that_sqs_rejects() -> None:
    text = "ж😀\ufffe\uffff\u0001"
    sent = events.as_json({"text": text})
    assert sent == '{"text":"ж😀\\ufffe\\uffff\\u0001"}'
    assert json.loads(sent) == {"text": text}
