"""An audit entry fits into an event whatever texts were changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from libs.chassis import events
from libs.chassis.audit import MAX_BYTES, _truncate


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


@pytest.mark.parametrize("value", [None, {}, {"a": ["x" * 4000, 5, None]}, {"description": "ж" * 4000}])
def test_what_fits_stays_as_it_is(value: Any) -> None:
    assert _truncate(value) == value


def test_long_texts_are_cut_and_say_how_long_they_were() -> None:
    fitting = _truncate({"title": "Coat", "description": "😀" * 9000})
    assert fitting == {"title": "Coat", "description": "😀" * 1000 + "… (9000 characters)"}


@pytest.mark.parametrize(
    "value", [{str(number): "😀" * 200 for number in range(60)}, {"a": [{"b": "\u0001" * 5000}] * 20}]
)
def test_many_texts_fit_too(value: Any) -> None:
    assert size(_truncate(value)) <= MAX_BYTES


def test_what_cannot_be_cut_says_how_large_it_was() -> None:
    value = list(range(20_000))
    assert _truncate(value) == {"omitted_bytes": len(events.as_json(value).encode())}


def test_an_event_is_sent_in_utf_8_without_the_characters_that_sqs_refuses() -> None:
    text = "ж😀\ufffe\uffff\u0001"
    sent = events.as_json({"text": text})
    assert sent == '{"text":"ж😀\\ufffe\\uffff\\u0001"}'
    assert json.loads(sent) == {"text": text}
