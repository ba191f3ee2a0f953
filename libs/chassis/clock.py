"""The current time, and the one form in which times are written and read: RFC 3339."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import overload

# MariaDB's DATETIME begins in year 1000; the year 9999 is left for time zones and deadlines counted from a time.
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
def freeze(moment: datetime) -> Iterator[None]:
    """Let `now()` answer `moment` inside the block (for tests)."""
    if moment.tzinfo is None:
        raise ValueError("freeze() takes an aware time")
    token = _frozen.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _frozen.reset(token)


@overload
def rfc3339(moment: datetime) -> str: ...


@overload
def rfc3339(moment: datetime | None) -> str | None: ...


def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 text in UTC with a `Z`, as the APIs and events carry times; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """The time that an RFC 3339 text names, aware, in UTC, to the microsecond; further digits are cut off.

    Raises ValueError for any other text, for a leap second (which `datetime` cannot hold) and for a time
    outside EARLIEST to LATEST. The contract check of `format: date-time` uses it too, so that a handler can read
    each time that the check accepted.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("not a time as RFC 3339 writes it")
    moment = datetime.fromisoformat(text.upper())
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"not between the years {EARLIEST.year} and {LATEST.year}")
    return moment.astimezone(UTC)


def parse_optional(text: str | None) -> datetime | None:
    """As `parse_rfc3339`; None stays None."""
    return None if text is None else parse_rfc3339(text)


def is_rfc3339(text: str) -> bool:
    """Whether `parse_rfc3339` can read the text."""
    try:
        parse_rfc3339(text)
    except ValueError:
        return False
    return True
