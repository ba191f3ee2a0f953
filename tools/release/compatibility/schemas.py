"""Two versions of one JSON schema: does everything that is valid against the narrow one match the wide one too?

It knows the keywords that the contracts and events use. One that it does not know must be the same on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
NO_MEANING = {"description", "title", "example", "examples", "default", "deprecated", "readOnly", "writeOnly",
              "externalDocs", "xml", "$schema", "$id"}  # fmt: skip
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
COMPARED = {*LOWER, *UPPER, "type", "nullable", "enum", "const", "required", "properties", "additionalProperties",
            "items", "anyOf"}  # fmt: skip


def escapes(narrow: Schema, wide: Schema, where: str = "") -> Iterator[str]:
    """A sentence for each way in which a value can match `narrow` and not `wide`; `where` is a pointer."""
    if narrow == wide:
        return
    if "anyOf" in narrow:
        for branch in narrow["anyOf"]:
            yield from escapes(_without_choice(narrow) | branch, wide, where)
        return
    if "anyOf" in wide:
        yield from _choices(narrow, wide, where)
    yield from _types(narrow, wide, where)
    yield from _values(narrow, wide, where)
    yield from _bounds(narrow, wide, where)
    yield from _objects(narrow, wide, where)
    if isinstance(wide.get("items"), Mapping):
        yield from escapes(narrow.get("items", {}), wide["items"], f"{where}/*")
    for keyword in sorted(wide.keys() - COMPARED - NO_MEANING):
        if not keyword.startswith("x-") and narrow.get(keyword) != wide[keyword]:
            yield f"{where}: {keyword} is not the same"


def _without_choice(schema: Schema) -> dict[str, Any]:
    return {keyword: value for keyword, value in schema.items() if keyword != "anyOf"}


def _choices(narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
    """What escapes all branches; said is what escapes the branch that comes nearest."""
    attempts = [list(escapes(narrow, branch, where)) for branch in wide["anyOf"]]
    yield from min(attempts, key=len)


def _types(narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
    wanted = _names_of_types(wide)
    if wanted is None:
        return
    given = _names_of_types(narrow)
    if given is None:
        yield f"{where}: any type, where only {_list(wanted)} is allowed"
        return
    if "number" in wanted:
        wanted = wanted | {"integer"}
    if given - wanted:
        yield f"{where}: can be {_list(given - wanted)}"


def _names_of_types(schema: Schema) -> set[str] | None:
    """None when every type matches. OpenAPI 3.0 says `nullable`, JSON Schema the type "null"."""
    listed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if "type" not in schema:
        return None if listed is None else {_type_of(value) for value in listed}
    names = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    return names | {"null"} if schema.get("nullable") else names


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def _values(narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
    allowed = wide.get("enum", [wide["const"]] if "const" in wide else None)
    if allowed is None:
        return
    given = narrow.get("enum", [narrow["const"]] if "const" in narrow else None)
    if given is None:
        yield f"{where}: any value, where only {_list(allowed)} is allowed"
        return
    extra = [value for value in given if value not in allowed]
    if extra:
        yield f"{where}: can be {_list(extra)}"


def _bounds(narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
    if _given_values(narrow):
        return  # listed values have no use for bounds
    for keywords, breaks in ((LOWER, _is_below), (UPPER, _is_above)):
        for keyword in keywords:
            if keyword in wide and breaks(narrow.get(keyword), wide[keyword]):
                yield f"{where}: {keyword} is {narrow.get(keyword, 'none')}, where {wide[keyword]} is demanded"


def _given_values(schema: Schema) -> bool:
    return "enum" in schema or "const" in schema


def _is_below(given: float | None, demanded: float) -> bool:
    # A bound of 0 on a length says nothing.
    return demanded > 0 if given is None else given < demanded


def _is_above(given: float | None, demanded: float) -> bool:
    return given is None or given > demanded


def _objects(narrow: Schema, wide: Schema, where: str) -> Iterator[str]:
    for name in sorted(set(wide.get("required", ())) - set(narrow.get("required", ()))):
        yield f"{where}/{name}: can be absent"
    known = wide.get("properties", {})
    rest = wide.get("additionalProperties", True)
    for name, schema in narrow.get("properties", {}).items():
        if name in known:
            yield from escapes(schema, known[name], f"{where}/{name}")
        elif rest is False:
            yield f"{where}/{name}: can be there"
        elif isinstance(rest, Mapping):
            yield from escapes(schema, rest, f"{where}/{name}")
    yield from _other_fields(narrow, rest, where)


def _other_fields(narrow: Schema, rest: bool | Schema, where: str) -> Iterator[str]:
    """Fields that `narrow` allows without naming them."""
    could_be_object = "object" in (_names_of_types(narrow) or {"object"})
    others = narrow.get("additionalProperties", True) if could_be_object else False
    if others is False or rest is True or rest == {}:
        return
    if rest is False:
        yield f"{where}: can have any field"
    elif isinstance(rest, Mapping):
        yield from escapes(others if isinstance(others, Mapping) else {}, rest, f"{where}/<any>")


def _list(values: Any) -> str:
    return ", ".join(sorted(map(str, values)))
