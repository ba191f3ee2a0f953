"""Keyset paging: a page begins after the last item of the one before, however much changed in between.

A cursor belongs to the list that made it: the operation with its path and its filters. Another list refuses it.
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


# Parameters that choose the page of a list, not the list.
_PAGE_PARAMETERS = ("cursor", "limit", "body")
_list_id: ContextVar[str] = ContextVar("list_id", default="")


def list_id(*parts: Any) -> str:
    """A short text that is the same for equal `parts`, which JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def begin_list(operation: str, arguments: Mapping[str, Any]) -> None:
    """Bind the cursors of this request to the operation and its arguments other than the page's."""
    kept = {name: value for name, value in arguments.items() if name not in _PAGE_PARAMETERS and value is not None}
    _list_id.set(list_id(operation, kept))


def encode_cursor(values: Sequence[Any], *, of_list: str | None = None) -> str:
    """The values of the sort keys of the last item, as an opaque url-safe text.

    `of_list` names the list where other parameters than those of the request decide which list it is.
    """
    plain = [{"t": rfc3339(value)} if isinstance(value, datetime) else value for value in values]
    bound = [_list_id.get() if of_list is None else of_list, *plain]
    return base64.urlsafe_b64encode(json.dumps(bound, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(
    cursor: str, length: int, kinds: Sequence[type] | None = None, *, of_list: str | None = None
) -> list[Any]:
    """The values back; 400 when `cursor` was not made by this list, whose sort keys are of these `kinds`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        bound = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if not isinstance(bound, list) or len(bound) != length + 1:
            raise ValueError("another list's cursor")
        if bound[0] != (_list_id.get() if of_list is None else of_list):
            raise ValueError("another list's cursor")
        found = [_read_value(value) for value in bound[1:]]
        if kinds is not None and not all(map(_is_of, kinds, found)):
            raise ValueError("another list's cursor")
        return found
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise invalid_cursor() from None


def invalid_cursor() -> BadRequest:
    """The refusal of a cursor that this list did not make."""
    error = {"pointer": "query/cursor", "detail": "use next_cursor of the page before, unchanged"}
    return BadRequest("the cursor is not one of this list", errors=[error])


def _read_value(value: Any) -> Any:
    if isinstance(value, dict):
        return parse_rfc3339(value["t"])
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
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
    rows = read_rows(statement.order_by(*ordering).limit(limit + 1), keys)
    more = len(rows) > limit
    rows = rows[:limit]
    last = [getattr(rows[-1], column.key) for column in keys] if more else None
    return {"items": dump_rows(rows, keys[-1], dump), "next_cursor": encode_cursor(last) if last else None}


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
