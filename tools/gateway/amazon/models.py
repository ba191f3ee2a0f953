"""Schemas for the models of Amazon API Gateway, which support less than OpenAPI.

Models are JSON Schema draft 4 without `additionalProperties`, `anyOf`, `format` of numbers, `example`, `nullable`
("Amazon API Gateway important notes for REST APIs", docs.aws.amazon.com/apigateway). The service
validates the whole contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SUPPORTED = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "required")


def to_model_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a schema without references."""
    result: dict[str, Any] = {name: schema[name] for name in SUPPORTED if name in schema}
    if schema.get("nullable"):
        return {}  # the import accepts no draft 4 type that includes null
    if "properties" in schema:
        result["properties"] = {name: to_model_schema(inner) for name, inner in schema["properties"].items()}
    if isinstance(schema.get("items"), Mapping):
        result["items"] = to_model_schema(schema["items"])
    elif result.get("type") == "array":
        result["items"] = {}
    return result


def model_name(operation_id: str) -> str:
    """Return the name of the model of an operation's body, which has only letters and digits."""
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]", operation_id)) + "Body"
