"""Stored items that cannot be shown: left out of a list, so that they take no others with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from connexion.context import operation
from sqlalchemy.exc import DataError, IntegrityError, MultipleResultsFound, NoResultFound

from libs.chassis import metrics, validation
from libs.chassis.log_events import LogEvent
from libs.chassis.logs import get_logger

Stored = TypeVar("Stored")
Read = TypeVar("Read")

# What one item causes by what it holds; a store that is down is another error and concerns all items.
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

_item_schemas: dict[int, tuple[Any, dict[str, Any]]] = {}


def report(kind: str, item_id: str, reason: Exception | str) -> None:
    """Log and count one item (`kind`, its id) that is left out."""
    metrics.ROWS_OMITTED.labels(kind).inc()
    trace = {"exc_info": reason} if isinstance(reason, Exception) else {}
    get_logger(__name__).error(LogEvent.ITEM_OMITTED, kind=kind, item=item_id, reason=str(reason)[:300], **trace)


def read_valid(
    items: Iterable[Stored], read: Callable[[Stored], Read], *, kind: str, id_of: Callable[[Stored], Any]
) -> list[Read]:
    """What `read` makes of each item, without those for which it fails."""
    found = []
    for item in items:
        try:
            found.append(read(item))
        except ITEM_FAULTS as error:
            report(kind, str(id_of(item)), error)
    return found


def _id_of(item: Any) -> Any:
    return getattr(item, "id", "unknown")


def dump_valid(
    items: Iterable[Stored],
    dump: Callable[[Stored], Any],
    *,
    kind: str,
    id_of: Callable[[Stored], Any] = _id_of,
) -> list[Any]:
    """The JSON of each item of a list, without those that break what the contract says of the list's items.

    What `dump` does not turn into a dict yet, its caller shows later.
    """
    schema = item_schema()

    def checked(item: Stored) -> Any:
        dumped = dump(item)
        if (
            schema
            and isinstance(dumped, dict)
            and (faults := validation.faults(validation.compiled(schema), dumped))
        ):
            raise ValueError(str(faults))
        return dumped

    return read_valid(items, checked, kind=kind, id_of=id_of)


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
