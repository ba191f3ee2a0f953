"""Texts that people write are normalised before validation: trimmed, in NFC, and empty when they are invisible.

Such texts are the strings of a contract without `enum`, `format` and `pattern` that are not declared
`x-opaque: true` (tokens, codes and values that must be returned unchanged). The normal form is both validated and
stored, so that a text that is valid by the contract fits its column.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from libs.chassis.memoization import memoize_by_identity

# Characters that are invisible: Hangul fillers, the blank braille pattern, the grapheme joiner.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_INVISIBLE_CATEGORIES = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs"))
# Format characters without a meaning at the ends of a text; joiners and tags can be the end of an emoji.
_TRIMMED = "\u00ad\u180e\u200b\u2060\ufeff"
_NO_TEXT_KEYWORDS = ("enum", "format", "pattern")

Normaliser = Callable[[Any], Any]


def normalise(text: str) -> str:
    """The text trimmed and in NFC; empty when all of it is invisible."""
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
    """`value` with the texts of its OpenAPI schema in normal form, and everything else unchanged."""
    normaliser = _compile(schema)
    return value if normaliser is None else normaliser(value)


@memoize_by_identity
def _compile(schema: dict[str, Any]) -> Normaliser | None:
    return _normaliser(schema)


def is_text(schema: dict[str, Any]) -> bool:
    """Whether a schema is that of a text that people write."""
    if schema.get("type") != "string" or schema.get("x-opaque"):
        return False
    return not any(keyword in schema for keyword in _NO_TEXT_KEYWORDS)


def _normaliser(schema: Any) -> Normaliser | None:
    if not isinstance(schema, dict):
        return None
    if is_text(schema):
        return lambda value: normalise(value) if isinstance(value, str) else value
    if schema.get("type") == "array":
        return _list_normaliser(_normaliser(schema.get("items")))
    own = {
        name: normaliser for name, part in schema.get("properties", {}).items() if (normaliser := _normaliser(part))
    }
    others = _normaliser(schema.get("additionalProperties"))
    return _object_normaliser(own, others) if own or others else None


def _list_normaliser(each: Normaliser | None) -> Normaliser | None:
    if each is None:
        return None
    return lambda value: [each(item) for item in value] if isinstance(value, list) else value


def _object_normaliser(own: dict[str, Normaliser], others: Normaliser | None) -> Normaliser:
    def normalise_object(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: normaliser(part) if (normaliser := own.get(name, others)) else part
            for name, part in value.items()
        }

    return normalise_object


def find_unstorable(value: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """The errors of a JSON value with characters that no store keeps: NUL, and unpaired surrogates."""
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
    """Why no store keeps the text; None for any other text."""
    if "\0" in text:
        return "contains the NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "contains an unpaired surrogate"
    return None
