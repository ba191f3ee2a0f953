"""Consistency checks: pages and batches, isolation of failures, and reported discrepancies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from libs.chassis import clock, consistency, db, discrepancies, service_client
from libs.chassis.consistency import BATCH_SIZE, MAX_SUBJECTS, Check, Knowledge
from libs.chassis.events import Event, EventRegistry
from libs.chassis.service_client import peer
from libs.chassis.tables import ChassisBase, DiscrepancyRow

EVENT = "locker.door.used.v1"
SUBJECTS = [f"bor_{number:032}" for number in range(MAX_SUBJECTS + 10)]


@pytest.fixture(autouse=True)
def batches() -> Iterator[list[list[str]]]:
    """The batches of subjects in queries to locker, which knows none of them."""
    received: list[list[str]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/v1/token":
            return httpx.Response(200, json={"access_token": "peer", "expires_in": 300})
        received.append(json.loads(request.content)["subjects"])
        items = [{"subject": one, "knowledge": "unknown", "events": []} for one in received[-1]]
        return httpx.Response(200, json={"items": items})

    service_client.set_transport(httpx.MockTransport(respond))
    ChassisBase.metadata.create_all(db.engine())
    yield received
    db.engine().dispose()


def find(after: str, limit: int) -> Sequence[str]:
    return [subject for subject in SUBJECTS if subject > after][:limit]


def check(name: str, unknown: Callable[[str], None] | None, **changed: object) -> Check:
    facts = {"find": lambda after, limit: find(after, 2), "handlers": {}, "unknown": unknown} | changed
    return Check(name=name, peer=lambda: peer("locker"), **facts)  # type: ignore[arg-type]


def registry_of(*checks: Check) -> EventRegistry:
    registry = EventRegistry("customer")
    consistency.add_checks(registry, *checks)
    return registry


def test_a_run_queries_in_batches_and_the_next_run_continues(batches: list[list[str]]) -> None:
    repaired: list[str] = []
    registry = registry_of(check("all", repaired.append, find=find))
    consistency.compare_with_other_domains(registry)
    assert [len(batch) for batch in batches] == [BATCH_SIZE] * (MAX_SUBJECTS // BATCH_SIZE)
    consistency.compare_with_other_domains(registry)
    assert repaired[: len(SUBJECTS)] == [*SUBJECTS]
    assert repaired[len(SUBJECTS) :] == SUBJECTS[: MAX_SUBJECTS - 10], "those queried the longest ago"


def test_a_new_subject_is_queried_in_the_next_run(batches: list[list[str]]) -> None:
    waiting = [f"bor_{number:032}" for number in range(5 * MAX_SUBJECTS)]
    registry = registry_of(
        check(
            "many", lambda _subject: None, find=lambda after, limit: [one for one in waiting if one > after][:limit]
        )
    )
    consistency.compare_with_other_domains(registry)
    batches.clear()
    for _ in range(4):
        consistency.compare_with_other_domains(registry)
    assert {one for batch in batches for one in batch} == set(waiting[MAX_SUBJECTS:])
    waiting.append("bor_new")
    batches.clear()
    consistency.compare_with_other_domains(registry)
    assert batches[0][0] == "bor_new"


def test_a_discrepancy_is_kept_until_its_subject_has_been_queried_again() -> None:
    registry = registry_of(check("many", lambda _subject: None, find=find))
    later = discrepancies.ENDED_AFTER + timedelta(seconds=1)
    start = clock.now()
    for run in range(4):
        with clock.freeze(start + run * later):
            consistency.compare_with_other_domains(registry)
        with db.unit_of_work(reads_only=True) as session:
            kept = set(session.scalars(select(DiscrepancyRow.subject)))
        assert kept >= set(SUBJECTS[:MAX_SUBJECTS])


@pytest.mark.parametrize("knowledge", ["unknown", "failed"])
def test_a_subject_that_the_peer_does_not_know_or_cannot_read_is_reported(
    knowledge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = {"subject": SUBJECTS[0], "knowledge": knowledge, "events": []}
    monkeypatch.setattr(consistency, "_query", lambda _peer, _subjects: [item])
    by_default = registry_of(check("default", None, find=lambda _after, _limit: SUBJECTS[:1]))
    excused = registry_of(check("excused", None, find=lambda _after, _limit: SUBJECTS[:1], may_be_unknown=True))
    for registry in (by_default, excused):
        for _ in range(discrepancies.REPORT_AFTER_ATTEMPTS):
            consistency.compare_with_other_domains(registry)
    found = {one["check"] for one in discrepancies.list_reported()}
    assert found == ({"default"} if knowledge == "unknown" else {"default", "excused"})


def test_a_failing_subject_or_check_does_not_block_others() -> None:
    repaired: list[str] = []

    def fails_for_first(subject: str) -> None:
        if subject == SUBJECTS[0]:
            raise ValueError(subject)
        repaired.append(subject)

    def broken(_after: str, _limit: int) -> Sequence[str]:
        raise ValueError("no such table")

    registry = registry_of(check("broken", repaired.append, find=broken), check("fails", fails_for_first))
    consistency.compare_with_other_domains(registry)
    assert repaired == [SUBJECTS[1]]


def test_an_unknown_subject_is_acted_on_with_growing_intervals() -> None:
    done: list[str] = []
    registry = registry_of(check("again", done.append, find=lambda _after, _limit: SUBJECTS[:1]))
    for _ in range(20):
        consistency.compare_with_other_domains(registry)
    assert len(done) == 3 + len([4, 8, 16])


def test_a_subject_that_the_peer_rejects_is_reported_and_does_not_block_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused, repaired = SUBJECTS[7], list[str]()

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/v1/token":
            return httpx.Response(200, json={"access_token": "peer", "expires_in": 300})
        queried = json.loads(request.content)["subjects"]
        if refused in queried:
            return httpx.Response(400, json={"type": "x/bad-request", "detail": "not an id"})
        return httpx.Response(
            200, json={"items": [{"subject": one, "knowledge": "unknown", "events": []} for one in queried]}
        )

    service_client.set_transport(httpx.MockTransport(respond))
    registry = registry_of(check("one", repaired.append, find=lambda _after, _limit: SUBJECTS[:BATCH_SIZE]))
    for _ in range(discrepancies.REPORT_AFTER_ATTEMPTS):
        consistency.compare_with_other_domains(registry)
    assert set(repaired) == set(SUBJECTS[:BATCH_SIZE]) - {refused}
    details = {one["subject"]: one["detail"] for one in discrepancies.list_reported()}
    assert "could not read" in details[refused]


def test_a_discrepancy_is_reported_once_after_three_attempts() -> None:
    stuck = SUBJECTS[:2]
    registry = registry_of(check("stuck", lambda _subject: None, find=lambda _after, _limit: stuck))
    for _ in range(2):
        consistency.compare_with_other_domains(registry)
    assert discrepancies.list_reported() == []
    for _ in range(3):
        consistency.compare_with_other_domains(registry)
    [first, second] = discrepancies.list_reported()
    assert (first["subject"], second["subject"], first["attempts"]) == (*stuck, 5)
    stuck = stuck[1:]
    with clock.freeze(clock.now() + discrepancies.ENDED_AFTER + timedelta(seconds=1)):
        consistency.compare_with_other_domains(registry)
    assert [found["subject"] for found in discrepancies.list_reported()] == stuck


def test_a_description_uses_the_publisher_and_adds_nothing_to_the_outbox() -> None:
    registry = EventRegistry("locker")
    right = {"right_id": "rgt_" + "1" * 32, "purpose": "deposit", "order_id": "dor_" + "1" * 32}
    right |= {"person_id": "usr_" + "1" * 32, "location_id": "loc_" + "1" * 32, "location_name": "Rossio"}
    data = right | {"box_id": "box_" + "1" * 32, "is_occupied": True, "at": clock.rfc3339(clock.now())}

    @registry.describes("dor")
    def describe(subject: str) -> Knowledge:
        registry.publish(EVENT, subject="rgt_1", data=data)
        if subject.endswith("2"):
            raise ValueError(subject)
        return Knowledge.KNOWN

    subjects = ["dor_1", "dor_2", "bor_1"]
    items = consistency.describe_states(registry, subjects)["items"]
    assert [(item["subject"], item["knowledge"], len(item["events"])) for item in items] == [
        ("dor_1", "known", 1),
        ("dor_2", "failed", 0),
        ("bor_1", "unknown", 0),
    ]
    assert Event.from_document(items[0]["events"][0]).data == data
