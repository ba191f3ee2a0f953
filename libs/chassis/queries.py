"""Queries that handlers of many services need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

from libs.chassis.db import session
from libs.chassis.problems import NotFound

Row = TypeVar("Row", bound=DeclarativeBase)


def get_row(table: type[Row], key: str, detail: str) -> Row:
    """The row with this primary key; NotFound with `detail`."""
    row = session().get(table, key)
    if row is None:
        raise NotFound(detail)
    return row


def filter_by(statement: Select[Any], values: Mapping[InstrumentedAttribute[Any], Any]) -> Select[Any]:
    """Select only the rows whose columns have these values; None does not filter."""
    return statement.where(*(column == value for column, value in values.items() if value is not None))
