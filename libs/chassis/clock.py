"""The one source of the current time, always aware and in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

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


def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 text in UTC with a `Z`, as the APIs and events carry times; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
