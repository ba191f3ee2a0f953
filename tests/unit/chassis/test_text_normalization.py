"""Texts are trimmed and in NFC; blank and unstorable texts are rejected with a pointer."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis import text_normalization
from libs.chassis.problems import BadRequest
from libs.chassis.validation import compile_schema, parse_json, require_valid

TEXT = {"type": "string", "minLength": 1, "maxLength": 20}
BLANKS = [chr(code) for code in range(1, sys.maxunicode + 1) if chr(code).isspace()] + [
    chr(code)
    for code in range(1, sys.maxunicode + 1)
    if unicodedata.category(chr(code)) in ("Cf", "Zl", "Zp", "Zs")
]
INVISIBLE_LETTERS = ["\u034f", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0", "\ufe0f"]


def faults_of(value: Any, schema: dict[str, Any] = TEXT) -> list[dict[str, str]]:
    body_schema = {"type": "object", "properties": {"name": schema}}
    try:
        require_valid(body_schema, {"name": value})
    except BadRequest as refused:
        return refused.errors or []
    return []


def test_blank_texts_are_rejected() -> None:
    for blank in [*BLANKS, *INVISIBLE_LETTERS]:
        for text in (blank, blank * 3, f" {blank}\u200b", f"\u200d{blank}"):
            assert [fault["pointer"] for fault in faults_of(text)] == ["/name"], ascii(text)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (" Ana \n", "Ana"),
        ("\u200b\u3000Ana\ufeff\u00a0", "Ana"),
        ("Ana  Costa", "Ana  Costa"),
        ("Joa\u0303o", "Jo\u00e3o"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
        ("\u0646\u0645\u06cc\u200c", "\u0646\u0645\u06cc\u200c"),
        ("\u200d", ""),
        ("", ""),
    ],
)
def test_a_text_is_trimmed_and_composed(sent: str, kept: str) -> None:
    assert text_normalization.normalise(sent) == kept


@pytest.mark.parametrize("character", ["a", "\u00e9", "\u0416", "\u20ac", "\U0001f9e5"], ids=ascii)
def test_the_length_of_a_text_is_counted_in_characters(character: str) -> None:
    assert faults_of(character * 20) == []
    assert [fault["pointer"] for fault in faults_of(character * 21)] == ["/name"]


def test_the_normalised_text_is_validated() -> None:
    assert faults_of("  " + "e\u0301" * 20 + "  ") == [], "20 characters once composed"
    assert faults_of("\U0001d160" * 20), "each becomes three characters in NFC"


OPAQUE: list[dict[str, Any]] = [
    {"type": "string", "format": "password"},
    {"type": "string", "pattern": "^.*$"},
    {"type": "string", "enum": [" a "]},
    {"type": "string", "minLength": 1, "x-opaque": True},
]


@pytest.mark.parametrize("schema", OPAQUE, ids=str)
def test_passwords_codes_and_opaque_values_are_unchanged(schema: dict[str, Any]) -> None:
    body_schema = {"type": "object", "properties": {"name": schema}}
    assert text_normalization.normalise_value(body_schema, {"name": " a "}) == {"name": " a "}
    assert text_normalization.normalise_value(schema, "e\u0301") == "e\u0301"


def test_nested_texts_are_normalised() -> None:
    schema = {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": TEXT},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"note": TEXT}}},
            "count": {"type": "integer"},
        },
        "additionalProperties": TEXT,
    }
    sent = {"tags": [" a ", 5], "lines": [{"note": " b "}, "x"], "count": 1, "else": " c "}
    assert text_normalization.normalise_value(schema, sent) == {
        "tags": ["a", 5],
        "lines": [{"note": "b"}, "x"],
        "count": 1,
        "else": "c",
    }
    assert text_normalization.normalise_value(schema, ["no object"]) == ["no object"]
    assert text_normalization.normalise_value(schema, {"tags": "no list"}) == {"tags": "no list"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"a": "x\0"}, "/a"),
        ({"a": {"b/c": ["", "\0"]}}, "/a/b~1c/1"),
        ({"a": "\ud800"}, "/a"),
        ({"a": [{"\udfff": 1}]}, "/a/0"),
        ("\0", "/"),
    ],
    ids=ascii,
)
def test_unstorable_characters_are_rejected_with_a_pointer(body: Any, pointer: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_json(json.dumps(body))
    assert [error["pointer"] for error in refused.value.errors or ()] == [pointer]


def test_an_escaped_backslash_before_u0000_is_valid() -> None:
    assert parse_json(r'{"a": "\\u0000"}') == {"a": r"\u0000"}


@given(st.text(st.characters(codec="utf-8") | st.sampled_from([*BLANKS, *INVISIBLE_LETTERS]), max_size=24))
def test_every_valid_text_is_visible_stable_and_fits_its_column(text: str) -> None:
    kept = text_normalization.normalise(text)
    assert text_normalization.normalise(kept) == kept
    if faults_of(text):
        return
    assert kept
    assert any(unicodedata.category(character)[0] in "LMNPSC" for character in kept)
    assert kept == kept.strip()
    assert unicodedata.is_normalized("NFC", kept)
    assert compile_schema(TEXT).is_valid(kept)
    assert len(kept) <= 20
    assert len(kept.encode()) <= 80


ANY_TEXT = st.text(st.characters() | st.sampled_from(["\0", "\ud800"]), max_size=4)
ANY_BODY = st.recursive(
    st.none() | st.integers() | ANY_TEXT,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(ANY_TEXT, part, max_size=3),
    max_leaves=6,
)


@given(ANY_BODY)
def test_a_body_is_parsed_unchanged_or_rejected_with_a_pointer(body: Any) -> None:
    found = list(text_normalization.find_unstorable(body))
    if not found:
        assert parse_json(json.dumps(body)) == body
        return
    with pytest.raises(BadRequest) as refused:
        parse_json(json.dumps(body))
    assert refused.value.errors == found[:20]
    assert all(error["pointer"].startswith("/") for error in found)
