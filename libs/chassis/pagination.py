"""Keyset paging: a page begins after the last item of the one before, however much changed in between."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis.clock import rfc3339
from libs.chassis.page_items import dumped, rows_of
from libs.chassis.problems import BadRequest

Order = Sequence[tuple[InstrumentedAttribute[Any], Literal["asc", "desc"]]]


def encode_cursor(values: Sequence[Any]) -> str:
    """The values of the sort keys of the last item, as an opaque url-safe text."""
    plain = [{"t": rfc3339(value)} if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int, kinds: Sequence[type] | None = None) -> list[Any]:
    """The values back; 400 when `cursor` was not made by this list, whose sort keys are of these `kinds`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if not isinstance(values, list) or len(values) != length:
            raise ValueError("another list's cursor")
        found = [_read_value(value) for value in values]
        if kinds is not None and not all(map(_is_of, kinds, found)):
            raise ValueError("another list's cursor")
        return found
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        error = {"pointer": "query/cursor", "detail": "use next_cursor of the page before, unchanged"}
        raise BadRequest("the cursor is not one of this list", errors=[error]) from None


def _read_value(value: Any) -> Any:
    if isinstance(value, dict):
        moment = datetime.fromisoformat(value["t"])
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment.astimezone(UTC)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("no database has such numbers")
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text: UnicodeEncodeError, a ValueError
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
    """One page of `statement` as `{"items": […], "next_cursor": …}`; `order_by` must end in the primary key."""
    if cursor is not None:
        kinds = [column.type.python_type for column, _ in order_by]
        values = decode_cursor(cursor, len(order_by), kinds)
        statement = statement.where(_after(order_by, values))
    ordering = [column.desc() if way == "desc" else column.asc() for column, way in order_by]
    keys = [column for column, _ in order_by]
    rows = rows_of(statement.order_by(*ordering).limit(limit + 1), keys)
    more = len(rows) > limit
    rows = rows[:limit]
    last = [getattr(rows[-1], column.key) for column in keys] if more else None
    return {"items": dumped(rows, keys[-1], dump), "next_cursor": encode_cursor(last) if last else None}


def _is_of(kind: type, value: Any) -> bool:
    """Whether a sort key can be compared with a value of a cursor; a time with a number fails in the database."""
    if kind is float:
        return type(value) in (int, float)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _after(order_by: Order, values: Sequence[Any]) -> Any:
    """(a, b) after (x, y), spelled out so that both databases use the index: a > x or (a = x and b > y)."""
    alternatives = []
    for position, (column, way) in enumerate(order_by):
        equal = [earlier == value for (earlier, _), value in zip(order_by[:position], values, strict=False)]
        beyond = column < values[position] if way == "desc" else column > values[position]
        alternatives.append(and_(*equal, beyond))
    return or_(*alternatives)
