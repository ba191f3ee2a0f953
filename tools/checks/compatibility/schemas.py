"""Two versions of one JSON schema: does everything that is valid against the one match the other too?

It implements the keywords that contracts and events use. Any other keyword must be the same on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
ANNOTATIONS = {"description", "title", "example", "examples", "default", "deprecated", "readOnly", "writeOnly",
               "externalDocs", "xml", "$schema", "$id"}  # fmt: skip
LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
COMPARED = {*LOWER_BOUNDS, *UPPER_BOUNDS, "type", "nullable", "enum", "const", "required", "properties",
            "additionalProperties", "items", "anyOf"}  # fmt: skip


def mismatches(narrow: Schema, wide: Schema, pointer: str = "") -> Iterator[str]:
    """Yield a sentence for each way in which a value can match `narrow` and not `wide`."""
    if narrow == wide:
        return
    if "anyOf" in narrow:
        for branch in narrow["anyOf"]:
            yield from mismatches(_without_any_of(narrow) | branch, wide, pointer)
        return
    if "anyOf" in wide:
        # Report the branch that comes nearest.
        yield from min((list(mismatches(narrow, branch, pointer)) for branch in wide["anyOf"]), key=len)
    yield from _compare_types(narrow, wide, pointer)
    yield from _compare_values(narrow, wide, pointer)
    yield from _compare_bounds(narrow, wide, pointer)
    yield from _compare_fields(narrow, wide, pointer)
    if isinstance(wide.get("items"), Mapping):
        yield from mismatches(narrow.get("items", {}), wide["items"], f"{pointer}/*")
    for keyword in sorted(wide.keys() - COMPARED - ANNOTATIONS):
        if not keyword.startswith("x-") and narrow.get(keyword) != wide[keyword]:
            yield f"{pointer}: {keyword} differs"


def _without_any_of(schema: Schema) -> dict[str, Any]:
    return {keyword: value for keyword, value in schema.items() if keyword != "anyOf"}


def _compare_types(narrow: Schema, wide: Schema, pointer: str) -> Iterator[str]:
    allowed = _types(wide)
    if allowed is None:
        return
    possible = _types(narrow)
    if possible is None:
        yield f"{pointer}: can be any type, but only {_join(allowed)} is allowed"
        return
    if "number" in allowed:
        allowed = allowed | {"integer"}
    if possible - allowed:
        yield f"{pointer}: can be {_join(possible - allowed)}"


def _types(schema: Schema) -> set[str] | None:
    """Return the types that match, None for any. OpenAPI 3.0 has `nullable`, JSON Schema the type "null"."""
    values = _values(schema)
    if "type" not in schema:
        return None if values is None else {_type_of(value) for value in values}
    names = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    return names | {"null"} if schema.get("nullable") else names


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _values(schema: Schema) -> list[Any] | None:
    """Return the listed values, None when any value matches."""
    values: list[Any] | None = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return values


def _compare_values(narrow: Schema, wide: Schema, pointer: str) -> Iterator[str]:
    allowed, possible = _values(wide), _values(narrow)
    if allowed is None:
        return
    if possible is None:
        yield f"{pointer}: can be any value, but only {_join(allowed)} is allowed"
    elif extra := [value for value in possible if value not in allowed]:
        yield f"{pointer}: can be {_join(extra)}"


def _compare_bounds(narrow: Schema, wide: Schema, pointer: str) -> Iterator[str]:
    if _values(narrow) is not None:
        return  # bounds do not matter for listed values
    for keywords, is_outside in ((LOWER_BOUNDS, _is_below), (UPPER_BOUNDS, _is_above)):
        for keyword in keywords:
            if keyword in wide and is_outside(narrow.get(keyword), wide[keyword]):
                yield f"{pointer}: {keyword} is {narrow.get(keyword, 'unlimited')}, but {wide[keyword]} is required"


def _is_below(bound: float | None, required: float) -> bool:
    # A lower bound of 0 on a length restricts nothing.
    return required > 0 if bound is None else bound < required


def _is_above(bound: float | None, required: float) -> bool:
    return bound is None or bound > required


def _compare_fields(narrow: Schema, wide: Schema, pointer: str) -> Iterator[str]:
    for name in sorted(set(wide.get("required", ())) - set(narrow.get("required", ()))):
        yield f"{pointer}/{name}: can be absent"
    named = wide.get("properties", {})
    others = wide.get("additionalProperties", True)
    for name, schema in narrow.get("properties", {}).items():
        if name in named:
            yield from mismatches(schema, named[name], f"{pointer}/{name}")
        elif others is False:
            yield f"{pointer}/{name}: can be present"
        elif isinstance(others, Mapping):
            yield from mismatches(schema, others, f"{pointer}/{name}")
    yield from _compare_other_fields(narrow, others, pointer)


def _compare_other_fields(narrow: Schema, allowed: bool | Schema, pointer: str) -> Iterator[str]:
    """Compare the fields that `narrow` allows without naming them."""
    can_be_object = "object" in (_types(narrow) or {"object"})
    possible = narrow.get("additionalProperties", True) if can_be_object else False
    if possible is False or allowed is True or allowed == {}:
        return
    if allowed is False:
        yield f"{pointer}: can have any field"
    elif isinstance(allowed, Mapping):
        yield from mismatches(possible if isinstance(possible, Mapping) else {}, allowed, f"{pointer}/<any>")


def _join(values: Any) -> str:
    return ", ".join(sorted(map(str, values)))
