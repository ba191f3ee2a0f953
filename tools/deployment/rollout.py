"""A roll-out: upgrade one service after the other, check them, and roll all of them back when anything fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn, Protocol

from tools.errors import ToolError

Report = Callable[[str], None]
# Returns what is wrong with the upgraded services, or None.
Check = Callable[[], str | None]


class RolledBack(ToolError):
    """The roll-out failed, and every service runs the revision that it ran before."""


class RollbackFailed(ToolError):
    """The roll-out failed, and so did the roll-back of some services, which need manual repair."""


class Target(Protocol):
    """Where services are deployed to. A revision identifies one release of a service."""

    def current_revision(self, service: str) -> str | None:
        """Return the deployed revision; None before the first one."""

    def upgrade(self, service: str, tag: str) -> None:
        """Deploy `tag` and wait until it serves; on ToolError the old revision still runs."""

    def roll_back(self, service: str, revision: str | None) -> None:
        """Deploy `revision` again, or remove the service when it is None; raises ToolError."""


def roll_out(tags: Mapping[str, str], target: Target, check: Check, report: Report) -> None:
    """Upgrade each service to its tag, in the given order.

    Raises:
        RolledBack, RollbackFailed
    """
    previous: dict[str, str | None] = {}
    for service, tag in tags.items():
        revision = target.current_revision(service)
        report(f"{service}: upgrade to {tag[:12]} (deployed: {_name(revision)})")
        try:
            target.upgrade(service, tag)
        except ToolError as error:
            _roll_back(previous, target, report, f"{service} did not start: {error}")
        previous[service] = revision
    problem = check()
    if problem is not None:
        _roll_back(previous, target, report, problem)


def _roll_back(previous: Mapping[str, str | None], target: Target, report: Report, reason: str) -> NoReturn:
    """Roll back the last service first, since it may call services that were upgraded before it."""
    failed = []
    for service, revision in reversed(list(previous.items())):
        report(f"{service}: roll back to {_name(revision)}")
        try:
            target.roll_back(service, revision)
        except ToolError as error:
            failed.append(f"{service}: {error}")
    if failed:
        raise RollbackFailed(
            f"The deployment failed: {reason}\nThese services could not be rolled back; repair them by hand "
            "(`helm history`, `helm rollback`): " + "; ".join(failed)
        )
    raise RolledBack(f"The deployment failed: {reason}\nEvery service runs its previous revision again.")


def _name(revision: str | None) -> str:
    return "no release" if revision is None else f"revision {revision}"
