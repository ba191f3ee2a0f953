"""Periodic jobs process many items; one that fails does not block the others."""

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

MAX_PAGES = 10  # per run, when items of each page fail

Item = TypeVar("Item")


def for_each(job: str, due: Select[str], act: Callable[[str], None]) -> None:
    """Call `act` with each id that `due` selects; `due` may have a limit."""
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
    """Call `act` with each item of the page that `find` returns for the ids to exclude.

    Failed items stay due. While items of a page fail, the next page is processed in the same run, so that the items
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
    """Call `act` with each item in its own unit of work. Returns how many failed.

    Failures are logged with the id and counted. Raises errors that concern all items: a store that is unavailable.
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

    An unavailable peer or provider may concern one item only.
    """
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error.orig, ConnectionError) or _is_lost(error.orig)
    return type(error) is Unavailable or isinstance(error, PoolTimeout) or documents.is_unavailable(error)


def _is_lost(error: BaseException | None) -> bool:
    """Whether it is an error of MySQL's client: 2000 to 2999 (MySQL, "Client Error Message Reference")."""
    code = next(iter(getattr(error, "args", ())), None)
    return isinstance(code, int) and 2000 <= code < 3000
