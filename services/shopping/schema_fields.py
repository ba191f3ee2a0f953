"""Marshmallow fields of response bodies; requests are checked by the contract."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from libs.chassis.clock import rfc3339


class Time(fields.Field[Any]):
    """RFC 3339 in UTC, or null."""

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str | None:
        text: str | None = rfc3339(value)
        return text


class Money(fields.Field[Any]):
    """Minor units and currency, or null. A nested schema would be slower, and a cart has many prices."""

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> dict[str, Any] | None:
        return value.to_dict() if value is not None else None
