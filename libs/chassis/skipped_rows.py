"""The items of a page: a row that cannot be shown is left out, so that it takes no others with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis import skipped_items
from libs.chassis.db import session


def rows_of(statement: Select[Any], columns: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    """The rows that `statement` selects; of one that cannot be read, such as for broken JSON, only its sort keys.

    `columns` are the sort keys, the primary key last.
    """
    try:
        return list(session().scalars(statement).unique())
    except DBAPIError:
        raise
    except Exception:
        return [_row(columns[-1], keys) for keys in session().execute(statement.with_only_columns(*columns)).all()]


def _row(key: InstrumentedAttribute[Any], keys: Row[Any]) -> Any:
    try:
        return session().scalars(select(key.class_).where(key == keys[-1])).one()
    except DBAPIError:
        raise
    except Exception as error:
        skipped_items.report(key.class_.__tablename__, str(keys[-1]), error)
        return keys


def dumped(rows: Sequence[Any], key: InstrumentedAttribute[Any], dump: Callable[[Any], Any]) -> list[Any]:
    """The rows as the contract shows them, without those that `dump` or the contract refuses."""
    readable = [row for row in rows if not isinstance(row, Row)]
    table = key.class_.__tablename__
    return skipped_items.dump_valid(readable, dump, kind=table, id_of=lambda row: getattr(row, key.key))
