"""A field type that the response schemas share."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from libs.chassis.clock import rfc3339


class Timestamp(fields.Field[Any]):
    """A time as RFC 3339 text in UTC, or null."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        text: str | None = rfc3339(value)
        return text
