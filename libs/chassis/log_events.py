"""The log lines that alarms count, one name per kind of error (counted in `infra/operations/service_logs.py`)."""

from __future__ import annotations

from enum import StrEnum


class LogEvent(StrEnum):
    """The `event` of a log line that reports an error."""

    JOB_FAILED = "job failed"
    ITEM_FAILED = "item of job failed"
    ITEM_OMITTED = "item left out"
    EVENT_PARKED = "event parked"
    CHECK_FAILED = "check failed"
    REPAIR_FAILED = "repair failed"
    NOT_DESCRIBED = "state not described"
    DOMAINS_DISAGREE = "domains disagree"
    CONTRACT_VIOLATED = "response violates the contract"
    DATABASE_UNAVAILABLE = "database unavailable"
    DOCUMENTS_UNAVAILABLE = "document database unavailable"
