"""Schemas as Amazon API Gateway's models take them, which is less than OpenAPI.

Models are JSON Schema draft 4 without `additionalProperties`, `anyOf`, `format` of numbers, `example`, `nullable`
("Amazon API Gateway important notes for REST APIs", docs.aws.amazon.com/apigateway). What a model leaves out the
service still checks: it has the whole contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

KEPT = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "required")


def plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without references as a model takes it."""
    kept: dict[str, Any] = {name: schema[name] for name in KEPT if name in schema}
    if schema.get("nullable"):
        return {}  # no draft 4 type says "or null" in a way that the import takes
    if "properties" in schema:
        kept["properties"] = {name: plain(inner) for name, inner in schema["properties"].items()}
    if isinstance(schema.get("items"), Mapping):
        kept["items"] = plain(schema["items"])
    elif kept.get("type") == "array":
        kept["items"] = {}
    return kept


def model_name(operation_id: str) -> str:
    """The name of an operation's body: models have letters and digits only."""
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]", operation_id)) + "Body"
