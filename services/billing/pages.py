"""Pages of what has a time of its making, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis.pagination import page
from services.billing.models import Payment, Payout, Refund

Wanted = Mapping[InstrumentedAttribute[Any], str | None]


def page_of(
    chosen: Select[Any],
    kind: type[Payment | Refund | Payout],
    wanted: Wanted,
    schema: Schema,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """A page of what has the `wanted` values; None wants any."""
    for column, value in wanted.items():
        if value is not None:
            chosen = chosen.where(column == value)
    return page(
        chosen,
        order_by=[(kind.created_at, "desc"), (kind.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=schema.dump,
    )
