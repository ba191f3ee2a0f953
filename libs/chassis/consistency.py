"""Consistency between domains: find states that wait for a lost event, and repair or report them.

A domain queries the publishing domain for the current state of its stuck subjects (one batch operation per domain,
docs/decisions/0019). The response has the events that describe the state, and the handlers of these events apply
it. Handlers are idempotent, so an event that was applied before changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from libs.chassis import clock, discrepancies, events, logs
from libs.chassis.db import is_disconnect, unit_of_work
from libs.chassis.events import Event, EventRegistry, Handler
from libs.chassis.log_events import LogEvent
from libs.chassis.runtime import per_process
from libs.chassis.service_client import Peer, ServiceProblem, ServiceUnavailable

# The events of younger states may be in transit.
STUCK_AFTER = timedelta(seconds=20)
SECONDS = 10
BATCH_SIZE = 50  # the maximum of the contract for one request
MAX_SUBJECTS = 500  # of one check in one run; the next run queries the others first
MAX_FOUND = 20_000  # of one check in one run; the next run continues after them


class Knowledge(StrEnum):
    """Whether a domain knows a subject.

    `PENDING`: it processes the subject, and will publish its event. `FAILED`: it could not read its state.
    """

    KNOWN = "known"
    PENDING = "pending"
    UNKNOWN = "unknown"
    FAILED = "failed"


Describe = Callable[[str], Knowledge]


def _always(_event: Event) -> bool:
    return True


def _never(_event: Event) -> bool:
    return False


@dataclass(frozen=True)
class Check:
    """Subjects whose state waits for an event of a peer.

    `find`: ids of stuck subjects after the given id, ascending, up to the given number.
    `handlers`: the handlers that apply events, by type. `decides`: whether an event ends the state.
    `justifies`: whether an event shows that the subject has to wait.
    `unknown`: called when the peer does not know the subject, which is a discrepancy unless `may_be_unknown`.
    `resend`: publishes the subject's own event again, when no event of the peer ends or justifies the state.
    """

    name: str
    peer: Callable[[], Peer]
    find: Callable[[str, int], Sequence[str]]
    handlers: Mapping[str, Handler]
    decides: Callable[[Event[Any]], bool] = _always
    justifies: Callable[[Event[Any]], bool] = _never
    unknown: Callable[[str], object] | None = None
    may_be_unknown: bool = False
    resend: Callable[[str], object] | None = None


def stuck_before() -> datetime:
    """The time before which a state must have begun to count as stuck."""
    return clock.now() - STUCK_AFTER


def add_checks(registry: EventRegistry, *checks: Check) -> None:
    """Run these checks in the worker of the service every SECONDS."""
    registry.checks.extend(checks)
    if not any(job.name == compare_with_other_domains.__name__ for job in registry.jobs):
        job = events.Job(compare_with_other_domains.__name__, SECONDS, lambda: compare_with_other_domains(registry))
        registry.jobs.append(job)


def compare_with_other_domains(registry: EventRegistry) -> None:
    """Run all checks; a check whose peer is unavailable waits for the next run."""
    for check in registry.checks:
        try:
            run(check)
        except (ServiceUnavailable, ServiceProblem) as error:
            logs.get_logger(__name__).warning("check waits for its peer", check=check.name, reason=error.detail)
        except Exception as error:
            logs.get_logger(__name__).error(LogEvent.CHECK_FAILED, check=check.name, exc_info=error)


@dataclass
class _Progress:
    """The position of a check, and when each found subject was queried last."""

    cursor: str = ""
    is_complete: bool = False  # whether it has reached the end once
    queried_at: dict[str, datetime] = field(default_factory=dict)

    def find(self, check: Check) -> None:
        """Find the subjects after the cursor: new ones are added as never queried, ended ones are removed."""
        start, found = self.cursor, set[str]()
        while len(found) < MAX_FOUND:
            page = check.find(self.cursor, MAX_SUBJECTS)
            found.update(page)
            self.cursor = page[-1] if len(page) == MAX_SUBJECTS else ""
            if not self.cursor:
                self.is_complete = True
                break
        checked = {one for one in self.queried_at if one > start and (not self.cursor or one <= self.cursor)}
        for ended in checked - found:
            del self.queried_at[ended]
        for subject in sorted(found):
            self.queried_at.setdefault(subject, NEVER)

    def due(self) -> list[str]:
        """The subjects to query in this run: those never queried, then the least recently queried."""
        return sorted(self.queried_at, key=lambda one: (self.queried_at[one], one))[:MAX_SUBJECTS]

    def all_queried_since(self) -> datetime:
        """The time since which each stuck subject has been queried."""
        return min(self.queried_at.values(), default=clock.now()) if self.is_complete else NEVER


NEVER = clock.EARLIEST


@per_process
def _progress(_check: str) -> _Progress:
    """A new process begins each check with its first subject."""
    return _Progress()


def run(check: Check) -> None:
    """Query the peer for the subjects of one check, and repair or report each."""
    progress = _progress(check.name)
    with unit_of_work(reads_only=True):
        progress.find(check)
    subjects = progress.due()
    for start in range(0, len(subjects), BATCH_SIZE):
        batch = subjects[start : start + BATCH_SIZE]
        for item in _query(check.peer(), batch):
            _process(check, item)
        progress.queried_at.update(dict.fromkeys(batch, clock.now()))
    discrepancies.delete_ended(check.name, before=progress.all_queried_since())


def _query(peer: Peer, subjects: Sequence[str]) -> list[dict[str, Any]]:
    path = f"/{peer.name}/v1/state-queries"
    try:
        response = peer.post(path, json={"subjects": list(subjects)}, repeatable=True)
    except ServiceProblem as error:
        if error.status != HTTPStatus.BAD_REQUEST:
            raise
        return _query_halves(peer, subjects)
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def _query_halves(peer: Peer, subjects: Sequence[str]) -> list[dict[str, Any]]:
    """Isolate the subjects that the peer's contract rejects, so that they do not block the others."""
    if len(subjects) == 1:
        return [{"subject": subjects[0], "knowledge": Knowledge.FAILED, "events": []}]
    middle = len(subjects) // 2
    return [*_query(peer, subjects[:middle]), *_query(peer, subjects[middle:])]


def _process(check: Check, item: dict[str, Any]) -> None:
    """Repair one subject in its own unit of work, so that a failure does not block the others."""
    subject = item["subject"]
    try:
        with unit_of_work():
            detail = _repair(check, item)
    except Exception as error:
        detail = f"the repair failed: {type(error).__name__}"
        if type(error) is LookupError:  # the event is early
            detail = str(error)
        else:
            logs.get_logger(__name__).error(
                LogEvent.REPAIR_FAILED, check=check.name, subject=subject, exc_info=error
            )
    if detail is not None:
        _record_attempt(check, subject, detail)


def _record_attempt(check: Check, subject: str, detail: str) -> None:
    """Count the attempt; another worker may count it at the same time, which is not an error of the check."""
    try:
        with unit_of_work():
            discrepancies.record_attempt(check.name, subject, detail)
    except SQLAlchemyError as error:
        if is_disconnect(error):
            raise
        logs.get_logger(__name__).warning("attempt not counted", check=check.name, subject=subject, exc_info=error)


def _repair(check: Check, item: dict[str, Any]) -> str | None:
    """Repair the subject. Returns the detail of a discrepancy, or None when the subject has to wait."""
    subject, knowledge = item["subject"], Knowledge(item["knowledge"])
    if knowledge is Knowledge.PENDING:
        return None
    if knowledge is Knowledge.FAILED:
        return "the peer could not read its state"
    if knowledge is Knowledge.UNKNOWN:
        if check.unknown is not None and _is_due(discrepancies.count_attempts(check.name, subject)):
            check.unknown(subject)
        return None if check.may_be_unknown else "the peer does not know it"
    received = [Event.from_document(document) for document in item["events"]]
    deciding = [event for event in received if event.type in check.handlers and check.decides(event)]
    for event in deciding:
        check.handlers[event.type](event)
    if deciding:
        return f"applied {', '.join(event.type for event in deciding)}"
    if check.resend is None or any(map(check.justifies, received)):
        return None
    if discrepancies.count_attempts(check.name, subject) < discrepancies.REPORT_AFTER_ATTEMPTS:
        check.resend(subject)
    return "the peer has not acted on it"


def _is_due(attempts: int) -> bool:
    """Whether to act in this run: at first in each, then with growing intervals, to spare a slow peer."""
    return attempts < discrepancies.REPORT_AFTER_ATTEMPTS or attempts.bit_count() == 1


def describe_states(registry: EventRegistry, subjects: Sequence[str]) -> dict[str, Any]:
    """The response to a state query: whether each subject is known, and the events that describe its state."""
    return {"items": [_describe(registry, subject) for subject in subjects]}


def _describe(registry: EventRegistry, subject: str) -> dict[str, Any]:
    describe = registry.descriptions.get(subject.partition("_")[0])
    knowledge = Knowledge.UNKNOWN
    with events.collect() as documents:
        try:
            with unit_of_work(reads_only=True):
                knowledge = describe(subject) if describe is not None else Knowledge.UNKNOWN
        except Exception as error:  # one subject that cannot be described does not block the others
            documents.clear()
            knowledge = Knowledge.FAILED
            logs.get_logger(__name__).error(LogEvent.NOT_DESCRIBED, subject=subject, exc_info=error)
    return {"subject": subject, "knowledge": str(knowledge), "events": documents}
