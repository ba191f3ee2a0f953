"""A roll-out: one service after the other, then the checks; when anything fails, all of it goes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

Tell = Callable[[str], None]
# Gives what is wrong with the services that were upgraded, or None.
Check = Callable[[], str | None]


class ReleaseFailed(Exception):
    """An upgrade or a roll-back did not work; the message is the tool's own."""


class RolledBack(Exception):
    """The roll-out failed and everything is as it was before; the message says why."""


class StuckBetween(Exception):
    """The roll-out failed, and so did going back; the message says which services need a person."""


class Releases(Protocol):
    """Where releases live: a cluster's Helm, or files. A revision is whatever names one release of a service."""

    def current(self, service: str) -> str | None:
        """The revision that runs, None before the first one."""

    def upgrade(self, service: str, tag: str) -> None:
        """Bring `tag` out and wait until it serves; raises ReleaseFailed and leaves the old one running."""

    def roll_back(self, service: str, revision: str | None) -> None:
        """Back to `revision`, or to nothing; raises ReleaseFailed."""


def roll_out(tags: Mapping[str, str], releases: Releases, check: Check, tell: Tell) -> None:
    """Bring each service to its tag, in the order given. Raises RolledBack or StuckBetween."""
    before: dict[str, str | None] = {}
    for service, tag in tags.items():
        revision = releases.current(service)
        tell(f"{service}: to {tag[:12]} (was {'nothing' if revision is None else f'revision {revision}'})")
        try:
            releases.upgrade(service, tag)
        except ReleaseFailed as error:
            _go_back(before, releases, tell, f"{service} did not come up: {error}")
        before[service] = revision
    fault = check()
    if fault is not None:
        _go_back(before, releases, tell, fault)


def _go_back(before: Mapping[str, str | None], releases: Releases, tell: Tell, reason: str) -> None:
    """The last one first: it may call services that came before it."""
    stuck = []
    for service, revision in reversed(list(before.items())):
        tell(f"{service}: back to {'nothing' if revision is None else f'revision {revision}'}")
        try:
            releases.roll_back(service, revision)
        except ReleaseFailed as error:
            stuck.append(f"{service}: {error}")
    if stuck:
        raise StuckBetween(f"{reason}\nand these did not go back: " + "; ".join(stuck))
    raise RolledBack(reason)
