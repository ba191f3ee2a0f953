"""Texts of people are normalised once, before they are checked and used: trimmed and in NFC, invisible ones empty.

Which strings of a contract are such texts is read from their schemas: those without `enum`, `format` and `pattern`
that are not declared `x-opaque: true` (tokens, codes and what must come back as it was sent). The same normal form
is measured by the contract check and stored, so that a text that fits the contract fits its column.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from libs.chassis.memoization import memoize_by_identity

# Letters and signs that show nothing: Hangul fillers, the empty braille pattern, the grapheme joiner.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_INVISIBLE_CATEGORIES = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs"))
# Format characters that mean nothing at the ends of a text; joiners and tags can end an emoji.
_TRIMMED = "\u00ad\u180e\u200b\u2060\ufeff"
_NO_TEXT_KEYWORDS = ("enum", "format", "pattern")

Normaliser = Callable[[Any], Any]


def normalise(text: str) -> str:
    """The text trimmed and in NFC; empty when nothing of it can be seen."""
    trimmed = unicodedata.normalize("NFC", text)
    before = None
    while trimmed != before:
        before = trimmed
        trimmed = trimmed.strip().strip(_TRIMMED)
    return "" if all(map(_is_invisible, trimmed)) else trimmed


def _is_invisible(character: str) -> bool:
    if character in _INVISIBLE or character.isspace():
        return True
    return unicodedata.category(character) in _INVISIBLE_CATEGORIES or "\ufe00" <= character <= "\ufe0f"


def normalise_value(schema: dict[str, Any], value: Any) -> Any:
    """`value` with the texts that its OpenAPI schema declares in normal form; anything else stays as it is."""
    normaliser = _compile(schema)
    return value if normaliser is None else normaliser(value)


@memoize_by_identity
def _compile(schema: dict[str, Any]) -> Normaliser | None:
    return _normaliser(schema)


def is_text(schema: dict[str, Any]) -> bool:
    """Whether a schema is that of a text that a person writes."""
    if schema.get("type") != "string" or schema.get("x-opaque"):
        return False
    return not any(keyword in schema for keyword in _NO_TEXT_KEYWORDS)


def _normaliser(schema: Any) -> Normaliser | None:
    if not isinstance(schema, dict):
        return None
    if is_text(schema):
        return lambda value: normalise(value) if isinstance(value, str) else value
    if schema.get("type") == "array":
        return _of_list(_normaliser(schema.get("items")))
    own = {name: made for name, part in schema.get("properties", {}).items() if (made := _normaliser(part))}
    others = _normaliser(schema.get("additionalProperties"))
    return _of_object(own, others) if own or others else None


def _of_list(each: Normaliser | None) -> Normaliser | None:
    if each is None:
        return None
    return lambda value: [each(item) for item in value] if isinstance(value, list) else value


def _of_object(own: dict[str, Normaliser], others: Normaliser | None) -> Normaliser:
    def of(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: made(part) if (made := own.get(name, others)) else part for name, part in value.items()}

    return of


def find_unstorable(value: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Where a JSON value holds what no store keeps: the NUL character, half of a surrogate pair."""
    if isinstance(value, str):
        if fault := describe_unstorable(value):
            yield {"pointer": pointer or "/", "detail": fault}
    elif isinstance(value, dict):
        for name, part in value.items():
            below = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if fault := describe_unstorable(name):
                yield {"pointer": pointer or "/", "detail": f"a name {fault}"}
            else:
                yield from find_unstorable(part, below)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from find_unstorable(part, f"{pointer}/{number}")


def describe_unstorable(text: str) -> str | None:
    """What is wrong with a text that no store keeps; None for any other."""
    if "\0" in text:
        return "holds the NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair"
    return None
