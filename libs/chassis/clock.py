"""The current time, and RFC 3339, the one format of times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import overload

# DATETIME of MariaDB begins in the year 1000; the year 9999 is reserved for time zones and later deadlines.
EARLIEST = datetime(1000, 1, 2, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, tzinfo=UTC)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)

_frozen: ContextVar[datetime | None] = ContextVar("frozen_time", default=None)


def now() -> datetime:
    """The current time, aware, in UTC, to the microsecond."""
    return _frozen.get() or datetime.now(UTC)


@contextmanager
def freeze(time: datetime) -> Iterator[None]:
    """Let `now()` return `time` inside the block (for tests)."""
    if time.tzinfo is None:
        raise ValueError("freeze() needs a time with a zone.")
    token = _frozen.set(time.astimezone(UTC))
    try:
        yield
    finally:
        _frozen.reset(token)


@overload
def rfc3339(time: datetime) -> str: ...


@overload
def rfc3339(time: datetime | None) -> str | None: ...


def rfc3339(time: datetime | None) -> str | None:
    """RFC 3339 text in UTC with a `Z`, as the APIs and events carry times; None stays None."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Parse RFC 3339 into an aware time in UTC, to the microsecond; further digits are truncated.

    Raises ValueError for any other text, for a leap second (which `datetime` cannot hold) and for a time
    outside EARLIEST to LATEST. The validation of `format: date-time` uses it too, so that a handler can parse each
    time that was accepted.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("not a time in RFC 3339 format")
    time = datetime.fromisoformat(text.upper())
    if not EARLIEST <= time <= LATEST:
        raise ValueError(f"not between the years {EARLIEST.year} and {LATEST.year}")
    return time.astimezone(UTC)


def parse_optional(text: str | None) -> datetime | None:
    """`parse_rfc3339` for a text; None for None."""
    return None if text is None else parse_rfc3339(text)


def is_rfc3339(text: str) -> bool:
    """Whether `parse_rfc3339` accepts the text."""
    try:
        parse_rfc3339(text)
    except ValueError:
        return False
    return True
