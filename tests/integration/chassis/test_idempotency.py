"""A repeated request is executed once, also after a crash."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from libs.chassis import clock, db, idempotency, metrics, retention
from libs.chassis.db import unit_of_work
from libs.chassis.tables import IdempotencyRow, InboxRow
from tests.integration.chassis import notes_api
from tests.integration.chassis.conftest import Notes

KEY = "key-0000-0001"


def test_a_request_without_a_key_is_rejected(quick_notes: Notes) -> None:
    response = quick_notes.send("POST", "/notes", json={"title": "a", "text": None})
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == ["header/Idempotency-Key"]
    assert quick_notes.create("a", "short").status_code == 400
    assert quick_notes.titles() == []


@pytest.mark.real_servers
def test_a_repeat_gets_the_first_response(notes: Notes) -> None:
    first, second = notes.create("a", KEY), notes.create("a", KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    for header in ("location", "etag", "content-type"):
        assert second.headers[header] == first.headers[header]
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert notes.titles() == ["a"]
    assert len(notes_api.made) == 1


def test_the_order_of_names_does_not_change_the_fingerprint(quick_notes: Notes) -> None:
    headers = {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    first = quick_notes.send("POST", "/notes", content=b'{"title":"a","text":null}', headers=headers)
    second = quick_notes.send("POST", "/notes", content=b'{ "text": null, "title": "a" }', headers=headers)
    assert first.json() == second.json()
    assert quick_notes.titles() == ["a"]


def test_the_key_of_another_request_is_422(notes: Notes) -> None:
    notes.create("a", KEY)
    response = notes.create("b", KEY)
    assert response.status_code == 422
    assert response.json()["type"].endswith("/idempotency-key-reused")
    assert notes.titles() == ["a"]


@pytest.mark.real_servers
def test_a_repeat_of_a_request_in_progress_is_a_409(notes: Notes) -> None:
    subject = _subject()
    fingerprint = idempotency.request_hash(["/notes/v1/notes", {"title": "a", "text": None}])
    idempotency.claim(subject, "create_note", KEY, fingerprint)
    response = notes.create("a", KEY)
    assert response.status_code == 409
    assert response.json()["type"].endswith("/request-in-progress")
    assert response.headers["retry-after"] == str(idempotency.LEASE_SECONDS)
    assert notes.titles() == []


def test_the_lease_of_a_running_request_is_renewed(quick_notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency._leases(), "_seconds", 0.01)
    held = idempotency.claim("usr_1", "op", KEY, "f")
    before = _locked_until()
    idempotency.bind(held)
    try:
        pause = threading.Event()
        assert any(pause.wait(0.02) or _locked_until() > before for _ in range(100))
    finally:
        idempotency.bind(None)
    idempotency.release(held)
    assert _locked_until() <= clock.now()


@pytest.mark.real_servers
def test_a_process_whose_lease_was_taken_over_is_rolled_back(notes: Notes) -> None:
    with clock.freeze(clock.now() - timedelta(seconds=2 * idempotency.LEASE_SECONDS)):
        stopped = idempotency.claim("usr_1", "op", KEY, "f")
    repeat = idempotency.claim("usr_1", "op", KEY, "f")
    end = _locked_until()
    idempotency._renew(stopped)
    idempotency.release(stopped)
    assert _locked_until() == end, "the repeat has the key"
    with pytest.raises(idempotency.RequestInProgress), unit_of_work() as session:
        session.add(notes_api.Note(id="not_stopped", title="done twice"))
        session.flush()
        idempotency.complete(stopped, 201, b"stopped", {})
    idempotency._renew(repeat)
    with unit_of_work():
        idempotency.complete(repeat, 201, b"repeat", {})
    answered = idempotency.claim("usr_1", "op", KEY, "f").response
    assert answered is not None
    assert answered[1] == b"repeat"
    assert notes.titles() == []


def test_an_expired_lease_is_valid_until_a_repeat_takes_it_over(quick_notes: Notes) -> None:
    with clock.freeze(clock.now() - timedelta(seconds=2 * idempotency.LEASE_SECONDS)):
        slow = idempotency.claim("usr_1", "op", KEY, "f")
    with unit_of_work():
        idempotency.complete(slow, 201, b"slow", {})


def test_a_renewal_with_an_unknown_outcome_keeps_the_lease(
    quick_notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = idempotency.claim("usr_1", "op", KEY, "f")

    def lose_answer(own: Session, *arguments: Any, **values: Any) -> bool:
        change(own, *arguments, **values)
        own.commit()
        raise OperationalError("", {}, Exception(2013, "Lost connection"))

    with monkeypatch.context() as patch:
        change = idempotency._update_row
        patch.setattr(idempotency, "_update_row", lose_answer)
        with pytest.raises(OperationalError):
            idempotency._renew(held)
    with unit_of_work():
        idempotency.complete(held, 201, b"", {})


def _locked_until() -> datetime:
    with unit_of_work(reads_only=True) as session:
        return session.query(IdempotencyRow).one().locked_until


def _subject() -> str:
    from tests.support.harness import user_id

    return user_id("ana")


def _raise_unless_answered(response: object) -> None:
    assert getattr(response, "status_code", 500) < 500


def test_an_error_is_not_stored_and_a_repeat_runs_with_the_same_id(notes: Notes) -> None:
    for _ in range(2):
        response = notes.create("a", KEY, text="refuse")
        assert response.status_code == 409
        assert response.json()["detail"] == "not today"
    assert len(notes_api.made) == 2
    assert len(set(notes_api.made)) == 1
    assert notes.titles() == []


def test_keys_belong_to_one_person(quick_notes: Notes) -> None:
    from tests.support.harness import token, user_id

    quick_notes.create("a", KEY)
    other = {"Authorization": f"Bearer {token(user_id('rui'), 'notes:write')}", "Idempotency-Key": KEY}
    response = quick_notes.client.post("/notes/v1/notes", json={"title": "b", "text": None}, headers=other)
    assert response.status_code == 201
    assert quick_notes.titles() == ["a", "b"]


def test_stable_ids_are_ids_and_differ_by_prefix(quick_notes: Notes) -> None:
    import uuid

    idempotency.bind(idempotency.claim("usr_1", "op", KEY, "f"))
    try:
        one, other = idempotency.stable_id("not"), idempotency.stable_id("oth")
    finally:
        idempotency.bind(None)
    assert one[4:] != other[4:]
    assert one[4:16] == other[4:16]
    assert uuid.UUID(hex=one[4:]).version == 7
    with pytest.raises(RuntimeError, match="Idempotency-Key"):
        idempotency.stable_id("not")


@pytest.mark.real_servers
def test_two_concurrent_requests_are_executed_once(notes: Notes) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(lambda _: notes.create("a", KEY), range(6)))
    assert {response.status_code for response in responses} <= {201, 409}
    assert notes.titles() == ["a"]
    assert len(notes_api.made) == 1
    with unit_of_work(reads_only=True) as session:
        assert session.query(notes_api.Note).count() == 1


@pytest.mark.real_servers
def test_a_key_and_its_response_are_deleted_after_a_day(notes: Notes) -> None:
    with clock.freeze(clock.now() - retention.KEEP_IDEMPOTENCY_KEYS - timedelta(minutes=1)):
        notes.create("old", KEY)
        notes.create("refused", "key-0000-0002", "refuse")
    notes.create("new", "key-0000-0003")
    retention.delete_expired()
    with unit_of_work(reads_only=True) as session:
        assert list(session.scalars(select(IdempotencyRow.key))) == ["key-0000-0003"]


@pytest.mark.real_servers
def test_old_rows_are_deleted_in_batches(notes: Notes) -> None:
    old = clock.now() - 3 * retention.KEEP_EVENTS
    with unit_of_work() as session:
        for number in range(2 * retention.BATCH_SIZE + 10):
            handled_at = old + timedelta(microseconds=number)
            session.add(InboxRow(event_id=f"evt_{number}", handler="h", handled_at=handled_at))
        session.add(InboxRow(event_id="evt_new", handler="h", handled_at=clock.now()))
    deleted: list[int] = []

    def count(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM inbox"):
            deleted.append(cursor.rowcount)

    event.listen(db.engine(), "after_cursor_execute", count)
    try:
        retention.delete_expired()
    finally:
        event.remove(db.engine(), "after_cursor_execute", count)
    assert deleted == [retention.BATCH_SIZE, retention.BATCH_SIZE, 10]
    with unit_of_work(reads_only=True) as session:
        assert list(session.scalars(select(InboxRow.event_id))) == ["evt_new"]


def test_a_failing_deletion_does_not_affect_other_tables(quick_notes: Notes) -> None:
    with clock.freeze(clock.now() - retention.KEEP_IDEMPOTENCY_KEYS - timedelta(minutes=1)):
        quick_notes.create("old", KEY)
    with unit_of_work() as session:
        session.execute(text("DROP TABLE outbox"))
    failed = metrics.JOB_ITEMS_FAILED.labels("delete_expired")._value
    before = failed.get()
    retention.delete_expired()
    assert failed.get() == before + 1
    with unit_of_work(reads_only=True) as session:
        assert list(session.scalars(select(IdempotencyRow.key))) == []
