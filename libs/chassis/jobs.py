"""Periodic jobs go through many items: one that fails blocks none of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from libs.chassis import documents, logs, metrics
from libs.chassis.db import unit_of_work
from libs.chassis.log_events import LogEvent
from libs.chassis.problems import Unavailable

MAX_PAGES = 10  # of items that a run goes through when some of each page fail

Item = TypeVar("Item")


def for_each(job: str, due: Select[str], act: Callable[[str], None]) -> None:
    """Act on each item that `due` selects the id of; `due` may be limited."""
    id_column = next(iter(due.selected_columns))

    def find(seen: Sequence[str]) -> Sequence[str]:
        with unit_of_work(reads_only=True) as db:
            return db.scalars(due.where(id_column.not_in(seen)) if seen else due).all()

    for_each_in_pages(find, act, job=job, id_of=str)


def for_each_in_pages(
    find: Callable[[Sequence[str]], Sequence[Item]],
    act: Callable[[Item], object],
    *,
    job: str,
    id_of: Callable[[Item], str],
) -> None:
    """Act on each item of the page that `find` returns; it is given the ids to leave out.

    What fails stays due. As long as items of a page fail, the next page follows in the same run, so that those
    behind are reached.
    """
    seen: list[str] = []
    for _ in range(MAX_PAGES):
        page = find(seen)
        seen.extend(map(id_of, page))
        if not process_each(page, act, job=job, id_of=id_of):
            return


def process_each(
    items: Iterable[Item], act: Callable[[Item], object], *, job: str, id_of: Callable[[Item], str]
) -> int:
    """Act on each item in a unit of work of its own; how many failed.

    What fails is logged with its id and counted. Raises what concerns all items: a store that is unavailable.
    """
    failed = 0
    for item in items:
        try:
            with unit_of_work():
                act(item)
        except Exception as error:
            if concerns_all(error):
                raise
            failed += 1
            report_failure(job, id_of(item), error)
    return failed


def report_failure(job: str, item_id: str, error: Exception) -> None:
    """Log and count an item that a job could not process."""
    metrics.JOB_ITEMS_FAILED.labels(job).inc()
    logs.get_logger(__name__).error(LogEvent.ITEM_FAILED, job=job, id=item_id, exc_info=error)


def concerns_all(error: BaseException) -> bool:
    """Whether a store is unavailable, so that no other item can be processed either.

    A peer or a provider that is unavailable may be so for one item alone.
    """
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error.orig, ConnectionError) or _is_lost(error.orig)
    return type(error) is Unavailable or isinstance(error, PoolTimeout) or documents.is_unavailable(error)


def _is_lost(error: BaseException | None) -> bool:
    """Whether MySQL's client reports it: its errors are 2000 to 2999 (MySQL, "Client Error Message Reference")."""
    code = next(iter(getattr(error, "args", ())), None)
    return isinstance(code, int) and 2000 <= code < 3000
