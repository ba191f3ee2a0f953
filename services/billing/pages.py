"""Lists of rows that have a timestamp and an id, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis.pagination import page

Filters = Mapping[InstrumentedAttribute[Any], str | None]


def list_newest_first(
    timestamp: InstrumentedAttribute[Any], filters: Filters, schema: Schema, limit: int, cursor: str | None
) -> dict[str, Any]:
    """A page of the rows of `timestamp`'s table whose columns have the values of `filters`; None is no filter."""
    table = timestamp.class_
    statement = select(table).where(*(column == value for column, value in filters.items() if value is not None))
    return page(
        statement,
        order_by=[(timestamp, "desc"), (table.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=schema.dump,
    )
