"""Received events: each handler runs once per event, in one transaction with its inbox row."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import IntegrityError

from libs.chassis import clock, logs
from libs.chassis.db import unit_of_work
from libs.chassis.events import Event, EventRegistry, Handler, PartiallyHandled
from libs.chassis.tables import InboxRow


def dispatch(registry: EventRegistry, document: dict[str, Any]) -> None:
    """Run every handler of an event (CloudEvents JSON). Raises what a handler raises.

    A handler that the event is too early for (LookupError) does not block the others.
    """
    event: Event[Any] = Event.from_document(document)
    early: LookupError | None = None
    for handler in registry.handlers.get(event.type, ()):
        try:
            _handle_once(event, handler)
        except LookupError as error:
            early = early or error
    if early is not None:
        raise early


def _handle_once(event: Event[Any], handler: Handler) -> None:
    logs.bind(handler=handler.__name__)
    partially: PartiallyHandled | None = None
    try:
        with unit_of_work() as db:
            row = InboxRow(event_id=event.id, handler=handler.__name__, handled_at=clock.now())
            if db.get(InboxRow, (row.event_id, row.handler)) is not None:
                return
            db.add(row)
            db.flush()
            try:
                handler(event)
            except PartiallyHandled as error:
                db.delete(row)
                partially = error
    except IntegrityError:
        if not _is_handled(event, handler):
            raise
    if partially is not None:
        raise partially


def _is_handled(event: Event[Any], handler: Handler) -> bool:
    """Whether another worker has handled the same event meanwhile."""
    with unit_of_work(reads_only=True) as db:
        return db.get(InboxRow, (event.id, handler.__name__)) is not None
