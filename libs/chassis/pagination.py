"""Keyset pagination: a page begins after the last item of the previous one, also when rows changed in between.

A cursor belongs to the list that created it: the operation with its path and its filters. Other lists reject it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis.clock import parse_rfc3339, rfc3339
from libs.chassis.problems import BadRequest
from libs.chassis.skipped_items import dump_rows, read_rows

Order = Sequence[tuple[InstrumentedAttribute[Any], Literal["asc", "desc"]]]


# Parameters that select a page, not the list.
_PAGE_PARAMETERS = ("cursor", "limit", "body")
_list_id: ContextVar[str] = ContextVar("list_id", default="")


def list_id(*parts: Any) -> str:
    """A short hash of `parts`."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def begin_list(operation: str, arguments: Mapping[str, Any]) -> None:
    """Bind the cursors of this request to the operation and its arguments, except those of the page."""
    filters = {
        name: value for name, value in arguments.items() if name not in _PAGE_PARAMETERS and value is not None
    }
    _list_id.set(list_id(operation, filters))


def encode_cursor(values: Sequence[Any], *, of_list: str | None = None) -> str:
    """The sort keys of the last item as an opaque URL-safe text.

    `of_list` identifies a list that depends on more than the parameters of the request.
    """
    plain = [{"t": rfc3339(value)} if isinstance(value, datetime) else value for value in values]
    bound = [_list_id.get() if of_list is None else of_list, *plain]
    return base64.urlsafe_b64encode(json.dumps(bound, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(
    cursor: str, length: int, kinds: Sequence[type] | None = None, *, of_list: str | None = None
) -> list[Any]:
    """The sort keys of a cursor, of these `kinds`. Raises BadRequest when this list did not create it."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        bound = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if not isinstance(bound, list) or len(bound) != length + 1:
            raise ValueError("cursor of another list")
        if bound[0] != (_list_id.get() if of_list is None else of_list):
            raise ValueError("cursor of another list")
        values = [_read_value(value) for value in bound[1:]]
        if kinds is not None and not all(map(_has_type, kinds, values)):
            raise ValueError("cursor of another list")
        return values
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise invalid_cursor() from None


def invalid_cursor() -> BadRequest:
    """The error for a cursor that this list did not create."""
    error = {"pointer": "query/cursor", "detail": "send next_cursor of the previous page unchanged"}
    return BadRequest("The cursor does not belong to this list.", errors=[error])


def _read_value(value: Any) -> Any:
    if isinstance(value, dict):
        return parse_rfc3339(value["t"])
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("number out of range")
    if isinstance(value, str):
        value.encode()  # an unpaired surrogate raises UnicodeEncodeError, a ValueError
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
    ordering = [column.desc() if direction == "desc" else column.asc() for column, direction in order_by]
    keys = [column for column, _ in order_by]
    rows = read_rows(statement.order_by(*ordering).limit(limit + 1), keys)
    has_more = len(rows) > limit
    rows = rows[:limit]
    last = [getattr(rows[-1], column.key) for column in keys] if has_more else None
    return {"items": dump_rows(rows, keys[-1], dump), "next_cursor": encode_cursor(last) if last else None}


def _has_type(kind: type, value: Any) -> bool:
    """Whether a value of a cursor has the type of the sort key; the database cannot compare others."""
    if kind is float:
        return type(value) in (int, float)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _after(order_by: Order, values: Sequence[Any]) -> Any:
    """(a, b) > (x, y) as a > x or (a = x and b > y), for which both databases use the index."""
    alternatives = []
    for position, (column, direction) in enumerate(order_by):
        equal = [earlier == value for (earlier, _), value in zip(order_by[:position], values, strict=False)]
        beyond = column < values[position] if direction == "desc" else column > values[position]
        alternatives.append(and_(*equal, beyond))
    return or_(*alternatives)
