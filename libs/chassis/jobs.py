"""Periodic jobs go through many items: one that fails blocks none of the others."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Select

from libs.chassis import logs, metrics
from libs.chassis.db import unit_of_work


def for_each(job: str, due: Select[str], act: Callable[[str], None]) -> None:
    """Act on each item that `due` selects the id of, in a unit of work of its own.

    What fails is logged with its id and counted, and stays due.
    """
    with unit_of_work(reads_only=True) as db:
        ids = db.scalars(due).all()
    for one in ids:
        try:
            with unit_of_work():
                act(one)
        except Exception as error:
            report_failure(job, one, error)


def report_failure(job: str, item_id: str, error: Exception) -> None:
    """Log and count an item that a job could not process."""
    metrics.JOB_ITEMS_FAILED.labels(job).inc()
    logs.get_logger(__name__).error("item of job failed", job=job, id=item_id, exc_info=error)
