"""Consistency between domains: find states that wait for an event that was lost, and repair or report them.

A domain that waits asks the domain that publishes for the present state of its stuck subjects (one batch operation
per domain, docs/decisions/0019). The state comes as the events that describe it, and the handlers of these events
apply it. They check the state that they find, so an event that was applied before changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from libs.chassis import clock, discrepancies, events, logs
from libs.chassis.db import unit_of_work
from libs.chassis.events import Event, EventRegistry, Handler
from libs.chassis.peers import Peer, PeerProblem, PeerUnavailable

# Younger states may just be in transit.
STUCK_AFTER = timedelta(seconds=20)
SECONDS = 10
BATCH_SIZE = 50  # the most that the contract accepts in one request
MOST_SUBJECTS = 500  # of one check in one run; the next run continues after them


class Knowledge(StrEnum):
    """What a domain knows of a subject. `PENDING`: it is working on it, and its event is still to come."""

    KNOWN = "known"
    PENDING = "pending"
    UNKNOWN = "unknown"


Describe = Callable[[str], Knowledge]


def _always(_event: Event) -> bool:
    return True


@dataclass(frozen=True)
class Check:
    """Subjects whose state waits for an event of a peer.

    `find`: ids of stuck subjects after the given id, ascending, up to the given number.
    `handlers`: what applies an event, by its type. `decides`: whether an event ends the state.
    `unknown`: what to do when the peer does not know the subject; by default nothing, the subject may be too new.
    `resend`: publish the subject's own event again, when the peer knows nothing that ends the state.
    """

    name: str
    peer: Callable[[], Peer]
    find: Callable[[str, int], Sequence[str]]
    handlers: Mapping[str, Handler]
    decides: Callable[[Event], bool] = _always
    unknown: Callable[[str], None] | None = None
    resend: Callable[[str], None] | None = None


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
        except (PeerUnavailable, PeerProblem) as error:  # an older release of the peer has no such operation
            logs.get_logger(__name__).warning("check waits for its peer", check=check.name, reason=error.detail)
        except Exception as error:
            logs.get_logger(__name__).error("check failed", check=check.name, exc_info=error)


_cursors: dict[str, str] = {}


def run(check: Check) -> None:
    """Ask the peer about the subjects of one check, and repair or report each."""
    with unit_of_work(reads_only=True):
        subjects = check.find(_cursors.get(check.name, ""), MOST_SUBJECTS)
    _cursors[check.name] = subjects[-1] if len(subjects) == MOST_SUBJECTS else ""
    for start in range(0, len(subjects), BATCH_SIZE):
        for item in _ask(check.peer(), subjects[start : start + BATCH_SIZE]):
            _treat(check, item)
    discrepancies.forget_ended(check.name)


def _ask(peer: Peer, subjects: Sequence[str]) -> list[dict[str, Any]]:
    path = f"/{peer.name}/v1/state-queries"
    items: list[dict[str, Any]] = peer.post(path, json={"subjects": list(subjects)}, repeatable=True).json()[
        "items"
    ]
    return items


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
            logs.get_logger(__name__).error("repair failed", check=check.name, subject=subject, exc_info=error)
    if detail is not None:
        with unit_of_work():
            discrepancies.note(check.name, subject, detail)


def _repair(check: Check, item: dict[str, Any]) -> str | None:
    """What was done; None when the subject is right to wait."""
    subject, knowledge = item["subject"], Knowledge(item["knowledge"])
    if knowledge is Knowledge.PENDING:
        return None
    if knowledge is Knowledge.UNKNOWN:
        if check.unknown is None:
            return None
        check.unknown(subject)
        return "the peer does not know it"
    received = [Event.from_document(document) for document in item["events"]]
    deciding = [event for event in received if event.type in check.handlers and check.decides(event)]
    for event in deciding:
        check.handlers[event.type](event)
    if deciding:
        return f"applied {', '.join(event.type for event in deciding)}"
    if check.resend is None:
        return None
    if discrepancies.attempts_of(check.name, subject) < discrepancies.REPORT_AFTER_ATTEMPTS:
        check.resend(subject)
    return "the peer has not acted on it"


def describe_states(registry: EventRegistry, subjects: Sequence[str]) -> dict[str, Any]:
    """The response to a state query: what this domain knows of each subject, with the events that describe it."""
    return {"items": [_describe(registry, subject) for subject in subjects]}


def _describe(registry: EventRegistry, subject: str) -> dict[str, Any]:
    describe = registry.descriptions.get(subject.partition("_")[0])
    knowledge = Knowledge.UNKNOWN
    with events.collected() as documents:
        try:
            with unit_of_work(reads_only=True):
                knowledge = describe(subject) if describe is not None else Knowledge.UNKNOWN
        except Exception as error:  # one subject that cannot be described does not block the others
            documents.clear()
            knowledge = Knowledge.PENDING
            logs.get_logger(__name__).error("state not described", subject=subject, exc_info=error)
    return {"subject": subject, "knowledge": str(knowledge), "events": documents}
