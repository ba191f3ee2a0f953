"""Times as DocumentDB keeps them, so that what is answered now is what is read later."""

from __future__ import annotations

from datetime import datetime, timedelta

from libs.chassis import clock


def to_milliseconds(moment: datetime) -> datetime:
    """The same moment without what is finer than a millisecond (the BSON date)."""
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def now() -> datetime:
    return to_milliseconds(clock.now())
