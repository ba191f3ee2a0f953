"""The log lines that alarms count: one name per kind of fault (`infra/operations/service_logs.py` has them all)."""

from __future__ import annotations

from enum import StrEnum


class LogEvent(StrEnum):
    """The `event` of a log line that says that something is wrong."""

    JOB_FAILED = "job failed"
    ITEM_FAILED = "item of job failed"
    ITEM_OMITTED = "item left out"
    EVENT_PARKED = "event parked"
    CHECK_FAILED = "check failed"
    REPAIR_FAILED = "repair failed"
    NOT_DESCRIBED = "state not described"
    DOMAINS_DISAGREE = "domains disagree"
