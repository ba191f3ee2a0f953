"""Stored items that cannot be read or shown are skipped, so that a list of others is still returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from connexion.context import operation
from sqlalchemy import Row, Select, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, MultipleResultsFound, NoResultFound
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis import metrics
from libs.chassis.db import session
from libs.chassis.log_events import LogEvent
from libs.chassis.logs import get_logger
from libs.chassis.validation import compile_schema, find_errors

Stored = TypeVar("Stored")
Read = TypeVar("Read")

# Errors that an item causes by its content. A store that is unavailable raises others.
ITEM_FAULTS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    DataError,
    IntegrityError,
    NoResultFound,
    MultipleResultsFound,
)


def report(kind: str, item_id: str, reason: Exception | str) -> None:
    """Log and count an item that is skipped."""
    metrics.ROWS_OMITTED.labels(kind).inc()
    trace = {"exc_info": reason} if isinstance(reason, Exception) else {}
    get_logger(__name__).error(LogEvent.ITEM_OMITTED, kind=kind, item=item_id, reason=str(reason)[:300], **trace)


def read_valid(
    items: Iterable[Stored], read: Callable[[Stored], Read], *, kind: str, id_of: Callable[[Stored], Any]
) -> list[Read]:
    """The results of `read` for the items, without those for which it fails."""
    results = []
    for item in items:
        try:
            results.append(read(item))
        except ITEM_FAULTS as error:
            report(kind, str(id_of(item)), error)
    return results


def _id_of(item: Any) -> Any:
    return getattr(item, "id", "unknown")


def dump_valid(
    items: Iterable[Stored],
    dump: Callable[[Stored], Any],
    *,
    kind: str,
    id_of: Callable[[Stored], Any] = _id_of,
) -> list[Any]:
    """The JSON of the items of a list, without those that do not match the contract of this list.

    Only dicts are checked: a caller whose `dump` returns something else converts it later.
    """
    schema = _find_item_schema()

    def dump_checked(item: Stored) -> Any:
        dumped = dump(item)
        if schema is None or not isinstance(dumped, dict):
            return dumped
        if errors := find_errors(compile_schema(schema), dumped):
            raise ValueError(str(errors))
        return dumped

    return read_valid(items, dump_checked, kind=kind, id_of=id_of)


def _find_item_schema() -> dict[str, Any] | None:
    """The contract's schema of an item of the list of this request; None outside a request."""
    try:
        page = operation.response_schema("200", "application/json")
    except RuntimeError:
        return None
    items: dict[str, Any] | None = page.get("properties", {}).get("items", {}).get("items")
    return items


def read_rows(statement: Select[Any], columns: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    """The rows that `statement` selects; only the sort keys of a row that cannot be read, such as for broken JSON.

    `columns` are the sort keys, the primary key last.
    """
    try:
        return list(session().scalars(statement).unique())
    except DBAPIError:
        raise
    except Exception:
        return [
            _read_row(columns[-1], keys) for keys in session().execute(statement.with_only_columns(*columns)).all()
        ]


def _read_row(key: InstrumentedAttribute[Any], keys: Row[Any]) -> Any:
    try:
        return session().scalars(select(key.class_).where(key == keys[-1])).one()
    except DBAPIError:
        raise
    except Exception as error:
        report(key.class_.__tablename__, str(keys[-1]), error)
        return keys


def dump_rows(rows: Sequence[Any], key: InstrumentedAttribute[Any], dump: Callable[[Any], Any]) -> list[Any]:
    """The JSON of the rows of `read_rows`, without those that cannot be read or do not match the contract."""
    readable = [row for row in rows if not isinstance(row, Row)]
    return dump_valid(readable, dump, kind=key.class_.__tablename__, id_of=lambda row: getattr(row, key.key))
