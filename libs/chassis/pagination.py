"""Keyset paging: a page begins after the last item of the one before, however much changed in between."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis.clock import rfc3339
from libs.chassis.db import session
from libs.chassis.problems import BadRequest

Order = Sequence[tuple[InstrumentedAttribute[Any], Literal["asc", "desc"]]]


def encode_cursor(values: Sequence[Any]) -> str:
    """The values of the sort keys of the last item, as an opaque url-safe text."""
    plain = [{"t": rfc3339(value)} if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The values back; 400 when `cursor` was not made by this list."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if not isinstance(values, list) or len(values) != length:
            raise ValueError("another list's cursor")
        return [_read_value(value) for value in values]
    except (ValueError, KeyError, TypeError, binascii.Error):
        error = {"pointer": "query/cursor", "detail": "use next_cursor of the page before, unchanged"}
        raise BadRequest("the cursor is not one of this list", errors=[error]) from None


def _read_value(value: Any) -> Any:
    if isinstance(value, dict):
        return datetime.fromisoformat(value["t"])
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError("not a sort key")


def page(
    statement: Select[Any],
    *,
    order_by: Order,
    limit: int,
    cursor: str | None,
    dump: Callable[[Any], Any],
) -> dict[str, Any]:
    """One page of `statement` as `{"items": […], "next_cursor": …}`; `order_by` must end in a unique column."""
    if cursor is not None:
        statement = statement.where(_after(order_by, decode_cursor(cursor, len(order_by))))
    ordering = [column.desc() if way == "desc" else column.asc() for column, way in order_by]
    rows = list(session().scalars(statement.order_by(*ordering).limit(limit + 1)).unique())
    more = len(rows) > limit
    rows = rows[:limit]
    last = [getattr(rows[-1], column.key) for column, _ in order_by] if more else None
    return {"items": [dump(row) for row in rows], "next_cursor": encode_cursor(last) if last else None}


def _after(order_by: Order, values: Sequence[Any]) -> Any:
    """(a, b) after (x, y), spelled out so that both databases use the index: a > x or (a = x and b > y)."""
    alternatives = []
    for position, (column, way) in enumerate(order_by):
        equal = [earlier == value for (earlier, _), value in zip(order_by[:position], values, strict=False)]
        beyond = column < values[position] if way == "desc" else column > values[position]
        alternatives.append(and_(*equal, beyond))
    return or_(*alternatives)
