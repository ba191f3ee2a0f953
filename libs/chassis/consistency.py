"""Consistency between domains: find states that wait for an event that was lost, and repair or report them.

A domain that waits asks the domain that publishes for the present state of its stuck subjects (one batch operation
per domain, docs/decisions/0019). The state comes as the events that describe it, and the handlers of these events
apply it. They check the state that they find, so an event that was applied before changes nothing.
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

# Younger states may just be in transit.
STUCK_AFTER = timedelta(seconds=20)
SECONDS = 10
BATCH_SIZE = 50  # the most that the contract accepts in one request
MAX_SUBJECTS = 500  # of one check in one run; the next run asks about the others first
MAX_FOUND = 20_000  # of one check in one run; the next run continues after them


class Knowledge(StrEnum):
    """What a domain knows of a subject.

    `PENDING`: it is working on it, and its event is still to come. `FAILED`: it could not read what it knows.
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
    `handlers`: what applies an event, by its type. `decides`: whether an event ends the state.
    `justifies`: whether an event shows that the subject waits rightly.
    `unknown`: what to do when the peer does not know the subject; it is a discrepancy in any case, unless
    `may_be_unknown`: the peer learns of the subject only later.
    `resend`: publish the subject's own event again, when the peer knows nothing that ends or justifies the state.
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
    """Only states that are older count as stuck."""
    return clock.now() - STUCK_AFTER


def add_checks(registry: EventRegistry, *checks: Check) -> None:
    """Let the worker of the service run these checks every few seconds."""
    registry.checks.extend(checks)
    if not any(job.name == compare_with_other_domains.__name__ for job in registry.jobs):
        job = events.Job(compare_with_other_domains.__name__, SECONDS, lambda: compare_with_other_domains(registry))
        registry.jobs.append(job)


def compare_with_other_domains(registry: EventRegistry) -> None:
    """Run all checks; one whose peer is unavailable is left to the next run."""
    for check in registry.checks:
        try:
            run(check)
        except (ServiceUnavailable, ServiceProblem) as error:  # an older release of the peer has no such operation
            logs.get_logger(__name__).warning("check waits for its peer", check=check.name, reason=error.detail)
        except Exception as error:
            logs.get_logger(__name__).error(LogEvent.CHECK_FAILED, check=check.name, exc_info=error)


@dataclass
class _Progress:
    """How far a check has come: which subjects it has found, and when it asked about each last."""

    cursor: str = ""
    is_whole: bool = False  # whether it has come to the end once
    asked_at: dict[str, datetime] = field(default_factory=dict)

    def find(self, check: Check) -> None:
        """Look for the subjects after the cursor: new ones are noted as never asked, ended ones are dropped."""
        start, found = self.cursor, set[str]()
        while len(found) < MAX_FOUND:
            page = check.find(self.cursor, MAX_SUBJECTS)
            found.update(page)
            self.cursor = page[-1] if len(page) == MAX_SUBJECTS else ""
            if not self.cursor:
                self.is_whole = True
                break
        looked_at = {one for one in self.asked_at if one > start and (not self.cursor or one <= self.cursor)}
        for ended in looked_at - found:
            del self.asked_at[ended]
        for subject in sorted(found):
            self.asked_at.setdefault(subject, NEVER)

    def due(self) -> list[str]:
        """The subjects to ask about in this run: those never asked about, then those asked the longest ago."""
        return sorted(self.asked_at, key=lambda one: (self.asked_at[one], one))[:MAX_SUBJECTS]

    def all_asked_since(self) -> datetime:
        """Since when each subject that is stuck has been asked about."""
        return min(self.asked_at.values(), default=clock.now()) if self.is_whole else NEVER


NEVER = clock.EARLIEST


@per_process
def _progress(_check: str) -> _Progress:
    """A new process begins each check with its first subject."""
    return _Progress()


def run(check: Check) -> None:
    """Ask the peer about the subjects of one check, and repair or report each."""
    progress = _progress(check.name)
    with unit_of_work(reads_only=True):
        progress.find(check)
    subjects = progress.due()
    for start in range(0, len(subjects), BATCH_SIZE):
        batch = subjects[start : start + BATCH_SIZE]
        for item in _ask(check.peer(), batch):
            _treat(check, item)
        progress.asked_at.update(dict.fromkeys(batch, clock.now()))
    discrepancies.delete_ended(check.name, before=progress.all_asked_since())


def _ask(peer: Peer, subjects: Sequence[str]) -> list[dict[str, Any]]:
    path = f"/{peer.name}/v1/state-queries"
    try:
        response = peer.post(path, json={"subjects": list(subjects)}, repeatable=True)
    except ServiceProblem as error:
        if error.status != HTTPStatus.BAD_REQUEST:  # such as 404 of an older release
            raise
        return _ask_about_halves(peer, subjects)
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def _ask_about_halves(peer: Peer, subjects: Sequence[str]) -> list[dict[str, Any]]:
    """Find the subjects that the peer's contract refuses, so that they do not block the others."""
    if len(subjects) == 1:
        return [{"subject": subjects[0], "knowledge": Knowledge.FAILED, "events": []}]
    middle = len(subjects) // 2
    return [*_ask(peer, subjects[:middle]), *_ask(peer, subjects[middle:])]


def _treat(check: Check, item: dict[str, Any]) -> None:
    """Repair one subject in a unit of work of its own, so that one that fails does not block the others."""
    subject = item["subject"]
    try:
        with unit_of_work():
            detail = _repair(check, item)
    except Exception as error:
        detail = f"the repair failed: {type(error).__name__}"
        if type(error) is LookupError:  # the event comes too early for the state
            detail = str(error)
        else:
            logs.get_logger(__name__).error(
                LogEvent.REPAIR_FAILED, check=check.name, subject=subject, exc_info=error
            )
    if detail is not None:
        _note(check, subject, detail)


def _note(check: Check, subject: str, detail: str) -> None:
    """Count the attempt; another worker that counts it at the same moment is no fault of the check."""
    try:
        with unit_of_work():
            discrepancies.record_attempt(check.name, subject, detail)
    except SQLAlchemyError as error:
        if is_disconnect(error):
            raise
        logs.get_logger(__name__).warning("attempt not counted", check=check.name, subject=subject, exc_info=error)


def _repair(check: Check, item: dict[str, Any]) -> str | None:
    """What was done; None when the subject is right to wait."""
    subject, knowledge = item["subject"], Knowledge(item["knowledge"])
    if knowledge is Knowledge.PENDING:
        return None
    if knowledge is Knowledge.FAILED:
        return "the peer could not read what it knows of it"
    if knowledge is Knowledge.UNKNOWN:
        if check.unknown is not None and _is_time_to_act(discrepancies.count_attempts(check.name, subject)):
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


def _is_time_to_act(attempts: int) -> bool:
    """At first in each run, then ever more seldom: a peer that is only behind is not flooded."""
    return attempts < discrepancies.REPORT_AFTER_ATTEMPTS or attempts.bit_count() == 1


def describe_states(registry: EventRegistry, subjects: Sequence[str]) -> dict[str, Any]:
    """The response to a state query: what this domain knows of each subject, with the events that describe it."""
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
