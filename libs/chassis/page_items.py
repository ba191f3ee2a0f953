"""The items of a page: a row that cannot be shown is left out, so that it takes no others with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connexion.context import operation
from sqlalchemy import Row, Select, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis import logs, metrics
from libs.chassis.db import session
from libs.chassis.validation import compiled, faults

_item_schemas: dict[int, tuple[Any, dict[str, Any]]] = {}


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
        _omit(key.class_.__tablename__, keys[-1], repr(error))
        return keys


def dumped(rows: Sequence[Any], key: InstrumentedAttribute[Any], dump: Callable[[Any], Any]) -> list[Any]:
    """The rows as the contract shows them, without those that `dump` or the contract refuses.

    What `dump` does not turn into a dict yet, its caller shows later.
    """
    schema = item_schema()
    items = []
    for row in rows:
        if isinstance(row, Row):  # it could not be read
            continue
        try:
            item = dump(row)
            reason = str(faults(compiled(schema), item) or "") if schema and isinstance(item, dict) else ""
        except Exception as error:
            reason = repr(error)
        if reason:
            _omit(key.class_.__tablename__, getattr(row, key.key), reason)
        else:
            items.append(item)
    return items


def _omit(table: str, row_id: Any, reason: str) -> None:
    metrics.ROWS_OMITTED.labels(table).inc()
    logs.get_logger(__name__).error("row left out of a page", table=table, id=row_id, reason=reason[:300])


def item_schema() -> dict[str, Any] | None:
    """The contract's schema of an item of the list that is being read; None outside a request."""
    try:
        listed = operation.response_schema("200", "application/json")
    except RuntimeError:
        return None
    items = listed.get("properties", {}).get("items", {}).get("items")
    if items is None:
        return None
    known = _item_schemas.get(id(items))
    if known is None:  # the components are there for what `items` refers to
        known = _item_schemas[id(items)] = (items, {"components": listed.get("components", {}), **items})
    return known[1]
