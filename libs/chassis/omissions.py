"""Stored items that cannot be shown or handled: left out of a list or job, logged and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sqlalchemy.exc import DataError, IntegrityError

from libs.chassis import db, jobs, metrics, page_items, validation
from libs.chassis.logs import get_logger
from libs.chassis.problems import Problem, Unavailable

Stored = TypeVar("Stored")
Read = TypeVar("Read")

# What one item causes by what it holds; a store that is down is another error and concerns all items.
ITEM_FAULTS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, DataError, IntegrityError)


def note(kind: str, item_id: str, reason: Exception | str) -> None:
    """Log and count one item (`kind`, its id) that is left out."""
    metrics.ROWS_OMITTED.labels(kind).inc()
    trace = {"exc_info": reason} if isinstance(reason, Exception) else {}
    get_logger(__name__).error("item left out", kind=kind, item=item_id, reason=str(reason)[:300], **trace)


def readable(
    items: Iterable[Stored], read: Callable[[Stored], Read], *, kind: str, id_of: Callable[[Stored], Any]
) -> list[Read]:
    """What `read` makes of each item, without those for which it fails."""
    found = []
    for item in items:
        try:
            found.append(read(item))
        except ITEM_FAULTS as error:
            note(kind, str(id_of(item)), error)
    return found


def each(
    items: Iterable[Stored], handle: Callable[[Stored], object], *, job: str, id_of: Callable[[Stored], Any]
) -> None:
    """Handle each item of a job in a savepoint of its own, so that one that fails stops no other."""
    for item in items:
        try:
            with db.session().begin_nested():
                handle(item)
        except Unavailable:
            raise
        except (*ITEM_FAULTS, Problem) as error:
            jobs.report_failure(job, str(id_of(item)), error)


def shown(items: Iterable[Stored], dump: Callable[[Stored], Any], *, kind: str) -> list[Any]:
    """The JSON of each item of a list, without those that break what the contract says of the list's items."""
    schema = page_items.item_schema()

    def checked(item: Stored) -> Any:
        dumped = dump(item)
        faults = validation.faults(validation.compiled(schema), dumped) if schema else []
        if faults:
            raise ValueError(str(faults))
        return dumped

    return readable(items, checked, kind=kind, id_of=lambda item: getattr(item, "id", "unknown"))
