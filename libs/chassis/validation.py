"""Values are validated against the schemas of the contract; every error is reported, with its place.

Schemas are compiled once (jsonschema-rs), and formats are checked too. The place of an error is a JSON pointer into
the body, or a name such as `query/limit`.
"""

from __future__ import annotations

import itertools
import json
import math
import uuid
from typing import Any

import jsonschema_rs

from libs.chassis import clock, email_addresses, text_normalization
from libs.chassis.deadlines import is_time_zone
from libs.chassis.locales import is_locale
from libs.chassis.memoization import memoize_by_identity
from libs.chassis.money import is_currency
from libs.chassis.problems import MAX_ERRORS, BadRequest

MAX_MESSAGE_LENGTH = 300


# Connexion adds all components to a schema, and has resolved the references to them; they can contain the schema.
_IGNORED = ("components", "example", "properties", "xml")


def _is_uuid(value: str) -> bool:
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


_FORMATS = {
    "uuid": _is_uuid,
    "date-time": clock.is_rfc3339,
    "email": email_addresses.is_valid,
    "iso-4217": is_currency,
    "time-zone": is_time_zone,
    "locale": is_locale,
}
_FORMAT_DESCRIPTIONS = {
    "email": "an email address such as ana@example.org, without a name",
    "date-time": "a time such as 2026-11-30T20:45:00Z (RFC 3339, no leap second, years 1000 to 9998)",
    "locale": "a locale such as pt-PT",
    "iso-4217": "a currency code of ISO 4217 such as EUR",
    "time-zone": "a time zone such as Europe/Lisbon",
}
# What columns and documents can hold: an integer without limits of its own has those of its format.
_INTEGERS = {f"int{bits}": {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1} for bits in (32, 64)}


@memoize_by_identity
def compile_schema(schema: dict[str, Any]) -> Any:
    """The compiled validator of an OpenAPI 3.0 schema."""
    return jsonschema_rs.Draft4Validator(to_json_schema(schema), validate_formats=True, formats=_FORMATS)


def to_json_schema(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema draft 4: `nullable` becomes a type (and value) of its own."""
    if isinstance(schema, list):
        return [to_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {key: to_json_schema(value) for key, value in schema.items() if key not in _IGNORED}
    if "properties" in schema:
        converted["properties"] = {name: to_json_schema(part) for name, part in schema["properties"].items()}
    if schema.get("type") == "integer":
        converted = _INTEGERS[schema.get("format", "int64")] | converted
    if converted.pop("nullable", None) is True:
        if isinstance(converted.get("type"), str):
            converted["type"] = [converted["type"], "null"]
        if isinstance(converted.get("enum"), list) and None not in converted["enum"]:
            converted["enum"] = [*converted["enum"], None]
    return converted


def find_errors(validator: Any, value: Any, prefix: str = "") -> list[dict[str, str]]:
    """Up to MAX_ERRORS errors of `value` as `{"pointer", "detail"}`, in the order of the document."""
    return [_to_error(error, prefix) for error in itertools.islice(validator.iter_errors(value), MAX_ERRORS)]


def _to_error(error: Any, prefix: str) -> dict[str, str]:
    path = [str(part).replace("~", "~0").replace("/", "~1") for part in error.instance_path]
    missing = getattr(error.kind, "property", None)
    if isinstance(missing, str):
        path.append(missing.strip('"'))
    pointer = prefix + "".join(f"/{part}" for part in path)
    return {"pointer": pointer or "/", "detail": shorten(_describe(error))}


def _describe(error: Any) -> str:
    """The message of an error; with all values of an enumeration, which the library shortens."""
    options = getattr(error.kind, "options", None)
    if description := _FORMAT_DESCRIPTIONS.get(getattr(error.kind, "format", "")):
        return f"{json.dumps(error.instance, ensure_ascii=False)[:60]} is not {description}"
    if not isinstance(options, list):
        return str(error.message)
    value, *allowed = (json.dumps(item, ensure_ascii=False) for item in (error.instance, *options))
    return f"{value[:60]} is not one of {', '.join(allowed)}"


def shorten(message: str) -> str:
    """The beginning of a message, which may repeat all that a client sent."""
    return message if len(message) <= MAX_MESSAGE_LENGTH else message[: MAX_MESSAGE_LENGTH - 3] + "..."


def require_valid(schema: dict[str, Any], body: Any) -> None:
    """Raise BadRequest when the normalised body, which the handler gets, does not match its schema."""
    require_no_errors(find_errors(compile_schema(schema), text_normalization.normalise_value(schema, body)))


def require_no_errors(errors: list[dict[str, str]]) -> None:
    """Raise BadRequest when there are errors."""
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise BadRequest(f"{errors[0]['pointer']}: {errors[0]['detail']}{more}", errors=errors)


def parse_json(text: str) -> Any:
    """JSON as RFC 8259 defines it, without NaN, duplicate names, and characters that no store keeps.

    Raises ValueError, RecursionError or BadRequest. Such characters can only be escaped: they are neither UTF-8 nor
    allowed unescaped.
    """
    value = json.loads(
        text, object_pairs_hook=_to_object, parse_constant=_reject_constant, parse_float=_parse_finite
    )
    if "\\u" in text:
        require_no_errors(list(itertools.islice(text_normalization.find_unstorable(value), MAX_ERRORS)))
    return value


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _parse_finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _reject_constant(text[:40])


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {duplicate!r} occurs twice in one object")
    return value
