"""The drift between this machine's clock and those of peers, by the `Date` of responses (RFC 9110, 6.6.1).

Tokens are accepted with a leeway of 60 seconds (`security.LEEWAY_SECONDS`). /readyz warns well before that; the
service stays ready, because it cannot know which clock is wrong.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from libs.chassis import clock, logs
from libs.chassis.runtime import per_process

WARN_SECONDS = 20


class ClockDrift(Exception):
    """The clock of this machine differs too much from a peer's."""


def note(peer: str, date: str | None) -> None:
    """Measure the drift to a peer's clock; a response without a valid `Date` is ignored."""
    try:
        seconds = (clock.now() - parsedate_to_datetime(date or "")).total_seconds()
    except (ValueError, TypeError):
        return
    _drifts()[peer] = seconds
    if abs(seconds) > WARN_SECONDS:
        logs.get_logger(__name__).warning("clock drift", peer=peer, seconds=round(seconds))


def check() -> None:
    """Raise ClockDrift when a peer's clock differed by more than WARN_SECONDS in its last response."""
    if any(abs(seconds) > WARN_SECONDS for seconds in _drifts().values()):
        raise ClockDrift


@per_process
def _drifts() -> dict[str, float]:
    """The difference to each peer's clock in seconds, as last measured."""
    return {}
