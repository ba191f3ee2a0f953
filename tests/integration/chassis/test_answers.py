"""What a client of any service gets: one kind of error document, and nothing that is none of its business."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from libs.chassis import db, metrics, response_checks
from libs.chassis.contract_resolver import ContractResolver
from libs.chassis.health import Check
from libs.chassis.log_events import LogEvent
from libs.chassis.settings import overridden
from tests.integration.chassis.conftest import Notes, running_notes
from tests.support.harness import token, user_id

NOBODY: dict[str, Any] = {"headers": {"Authorization": ""}}
NOTE = "not_" + "0" * 32


def problem_of(answer: Any, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"].endswith(f"/problems/{slug}")
    assert document["instance"] == f"urn:reclothes:request:{answer.headers['x-request-id']}"
    return document


def pointers(answer: Any) -> set[str]:
    return {error["pointer"] for error in problem_of(answer, 400, "bad-request")["errors"]}


def test_every_fault_of_a_body_is_told_at_once(quick_notes: Notes) -> None:
    body = {"text": 5, "mail": "x", "lines": [{"n": 1}, {}]}
    answer = quick_notes.ask("POST", "/notes", json=body, headers={"Idempotency-Key": "key-00001"})
    assert pointers(answer) == {"/title", "/text", "/mail", "/lines/1/n"}


def test_a_body_with_an_unknown_name_is_refused(quick_notes: Notes) -> None:
    body = {"title": "a", "text": None, "colour": "red"}
    answer = quick_notes.ask("POST", "/notes", json=body, headers={"Idempotency-Key": "key-00001"})
    assert "colour" in problem_of(answer, 400, "bad-request")["detail"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"title": "a", "title": "b", "text": null}', b"[" * 100_000])
def test_a_body_that_cannot_be_read_is_a_400(quick_notes: Notes, content: bytes) -> None:
    headers = {"Idempotency-Key": "key-00001", "Content-Type": "application/json"}
    problem_of(quick_notes.ask("POST", "/notes", content=content, headers=headers), 400, "bad-request")


def test_parameters_are_all_checked_at_once(quick_notes: Notes) -> None:
    answer = quick_notes.client.get("/notes/v1/notes?limit=0&kind=huge&page=2")
    assert pointers(answer) == {"query/limit", "query/kind", "query/page"}
    assert pointers(quick_notes.client.get("/notes/v1/notes?limit=many")) == {"query/limit"}
    assert pointers(quick_notes.client.get("/notes/v1/notes?cursor=abcd")) == {"query/cursor"}
    assert pointers(quick_notes.ask("GET", "/notes/nonsense")) == {"path/note_id"}


@pytest.mark.parametrize(
    "limit", ["1_0", "+10", "%2B10", "%2010", "10%20", "010", "1.0", "1e1", "%EF%BC%91%EF%BC%90", ""]
)
def test_a_number_in_a_query_is_spelt_as_in_json(quick_notes: Notes, limit: str) -> None:
    assert pointers(quick_notes.client.get(f"/notes/v1/notes?limit={limit}")) == {"query/limit"}


def test_the_cursor_of_another_list_is_refused(quick_notes: Notes) -> None:
    for title in "abc":
        quick_notes.create(title, f"key-0000{title}")
    path = "/notes/v1/notes?limit=1"
    cursor = quick_notes.client.get(f"{path}&kind=long").json()["next_cursor"]
    assert quick_notes.client.get(f"{path}0&kind=long&cursor={cursor}").json()["items"][0]["title"] == "b"
    for other in ("/notes/v1/notes?kind=short", "/notes/v1/notes?limit=1", "/notes/v1/drafts?kind=long"):
        assert pointers(quick_notes.client.get(f"{other}&cursor={cursor}")) == {"query/cursor"}


def test_a_header_of_the_contract_that_comes_twice_is_refused(quick_notes: Notes) -> None:
    bearer = f"Bearer {token(user_id('ana'), 'notes:write')}"
    headers = [("Authorization", bearer), ("Idempotency-Key", "key-00001"), ("Idempotency-Key", "bad key!")]
    answer = quick_notes.client.post("/notes/v1/notes", json={"title": "one"}, headers=httpx.Headers(headers))
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"pointer": "header/idempotency-key", "detail": "sent more than once"}]
    assert quick_notes.titles() == []


def test_a_parameter_that_comes_twice_is_refused(quick_notes: Notes) -> None:
    for query in ("limit=1&limit=2", "limit=1&lim%69t=1"):
        answer = quick_notes.client.get(f"/notes/v1/notes?{query}")
        assert pointers(answer) == {"query/limit"}
        assert "more than once" in answer.json()["detail"]


def test_without_a_token_or_with_a_bad_one_it_is_401(quick_notes: Notes) -> None:
    for header in ("", "Bearer nonsense", "Basic YTpi"):
        answer = quick_notes.ask("GET", f"/notes/{NOTE}", headers={"Authorization": header})
        problem_of(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_without_the_scope_it_is_403_that_names_what_is_missing(quick_notes: Notes) -> None:
    answer = quick_notes.create("a", "key-00001", scopes="other:write other:read")
    document = problem_of(answer, 403, "forbidden")
    assert (document["detail"], document["missing_scopes"]) == (
        "the token lacks the scope notes:write",
        ["notes:write"],
    )
    challenge = 'Bearer realm="reclothes", error="insufficient_scope", scope="notes:write"'
    assert answer.headers["www-authenticate"] == challenge
    assert "other:" not in answer.text, "what the token is good for is nobody's business"
    assert quick_notes.titles() == []


def test_a_method_that_a_path_does_not_know_is_405_with_all_that_it_knows(quick_notes: Notes) -> None:
    for path, known in (
        ("/notes", "GET, POST"),
        (f"/notes/{NOTE}", "DELETE, GET"),
        ("/faults/bug", "POST"),
    ):
        answer = quick_notes.ask("PATCH", path)
        problem_of(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == known
        head = quick_notes.ask("HEAD", path)
        assert (head.status_code, head.headers["allow"]) == (405, known), "only what a contract has is there"
    assert quick_notes.ask("HEAD", "/nowhere").status_code == 404


def test_what_is_not_there_is_404(quick_notes: Notes) -> None:
    problem_of(quick_notes.ask("GET", f"/notes/{NOTE}"), 404, "not-found")
    problem_of(quick_notes.client.get("/nowhere"), 404, "not-found")


@pytest.mark.parametrize("media_type", ["Application/JSON", "application/json ; charset=utf-8"])
def test_a_media_type_is_the_same_in_capital_letters(quick_notes: Notes, media_type: str) -> None:
    headers = {"Idempotency-Key": "key-00001", "Content-Type": media_type}
    wrong = quick_notes.ask("POST", "/notes", content=b'{"title": 5}', headers=headers)
    assert "/title" in pointers(wrong), "it is read and checked"
    body = b'{"title": "a", "text": null, "lines": []}'
    headers["Idempotency-Key"] = "key-00002"
    assert quick_notes.ask("POST", "/notes", content=body, headers=headers).status_code == 201


def test_another_content_type_is_415(quick_notes: Notes) -> None:
    headers = {"Idempotency-Key": "key-00001", "Content-Type": "text/plain"}
    problem_of(quick_notes.ask("POST", "/notes", content=b"hello", headers=headers), 415, "unsupported-media-type")


@pytest.mark.parametrize("kind", ["bug", "broken-answer"])
def test_a_fault_of_ours_is_a_bare_500(quick_notes: Notes, kind: str) -> None:
    answer = quick_notes.ask("POST", f"/faults/{kind}")
    problem_of(answer, 500, "internal-error")
    for leak in ("hush", "Traceback", "ZeroDivision", "notes_api", "required"):
        assert leak not in answer.text


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Notes]:
    url = f"sqlite:///{tmp_path / 'production.db'}"
    with running_notes(url, RECLOTHES_ENVIRONMENT="production", RECLOTHES_RESPONSE_CHECK_PERCENT="100") as notes:
        yield notes


def lines_about(captured: list[Any], event: str) -> list[Any]:
    return [line for line in captured if line["event"] == event]


def test_in_production_a_response_that_violates_the_contract_is_sent_logged_and_counted(production: Notes) -> None:
    counted = metrics.CONTRACT_VIOLATIONS.labels("play_fault")._value.get()
    with structlog.testing.capture_logs() as captured:
        assert production.ask("POST", "/faults/broken-answer").status_code == 200
    (line,) = lines_about(captured, LogEvent.CONTRACT_VIOLATED)
    assert (line["operation"], line["log_level"]) == ("play_fault", "error")
    assert {fault["pointer"] for fault in line["errors"]} == {"/", "/title"}
    assert metrics.CONTRACT_VIOLATIONS.labels("play_fault")._value.get() == counted + 1


def test_in_production_a_status_that_the_contract_does_not_define_is_logged(production: Notes) -> None:
    with structlog.testing.capture_logs() as captured:
        assert production.ask("GET", f"/notes/{NOTE}").status_code == 404
    (line,) = lines_about(captured, LogEvent.CONTRACT_VIOLATED)
    assert line["errors"] == [{"pointer": "status", "detail": "404 is not defined for this operation"}]


def test_a_response_as_the_contract_has_it_is_not_logged(production: Notes) -> None:
    with structlog.testing.capture_logs() as captured:
        assert production.create("a", "key-00001").status_code == 201
        assert production.client.get("/notes/v1/notes").status_code == 200
    assert lines_about(captured, LogEvent.CONTRACT_VIOLATED) == []


def test_a_check_that_fails_holds_no_response_back(production: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(response_checks, "find_violations", fail)
    assert production.create("a", "key-00001").status_code == 201


def test_only_the_sample_is_checked(production: Notes) -> None:
    with overridden(response_check_percent=0.0), structlog.testing.capture_logs() as captured:
        assert production.ask("POST", "/faults/broken-answer").status_code == 200
    assert lines_about(captured, LogEvent.CONTRACT_VIOLATED) == []


def test_a_request_id_is_kept_when_it_is_one_and_made_otherwise(quick_notes: Notes) -> None:
    kept = quick_notes.client.get("/notes/v1/notes", headers={"X-Request-Id": "trace-me_1.2"})
    assert kept.headers["x-request-id"] == "trace-me_1.2"
    for bad in ("short", 'evil"<script>', "x" * 129, ""):
        made = quick_notes.client.get("/notes/v1/notes", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert uuid.UUID(hex=made).version == 4


@pytest.mark.real_servers
def test_what_a_failing_handler_did_is_taken_back(notes: Notes) -> None:
    problem_of(notes.ask("POST", "/faults/rollback", kind="internal"), 500, "internal-error")
    assert notes.titles() == []
    assert notes.outbox() == []


@pytest.mark.real_servers
def test_a_broken_constraint_is_a_conflict(notes: Notes) -> None:
    answer = notes.ask("POST", "/faults/twice")
    problem_of(answer, 409, "constraint-violated")
    assert "half done" not in answer.text
    assert notes.titles() == []


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(quick_notes: Notes) -> None:
    answer = quick_notes.ask("POST", "/faults/database-away")
    problem_of(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "hush" not in answer.text


@pytest.mark.parametrize(
    "gone",
    ["mysql+pymysql://root@127.0.0.1:9/gone", "sqlite:////nowhere/at/all/gone.db"],
    ids=["mariadb", "sqlite"],
)
def test_a_database_that_is_gone_is_a_503_and_comes_back(quick_notes: Notes, gone: str) -> None:
    with overridden(database_url=gone):
        for answer in (quick_notes.client.get("/notes/v1/notes"), quick_notes.create("a", "key-00001")):
            problem_of(answer, 503, "unavailable")
            assert "retry-after" in answer.headers
        assert quick_notes.client.get("/livez").status_code == 200
        ready = quick_notes.client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "OperationalError"
        assert "gone" not in ready.text
    assert quick_notes.create("a", "key-00001").status_code == 201
    assert quick_notes.client.get("/readyz").json()["checks"]["database"] == "ok"


def test_ready_is_no_when_one_check_fails(quick_notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise ConnectionError("cache.internal:6379 hush")

    checks = [Check("database", db.ping), Check("cache", away)]
    monkeypatch.setattr(quick_notes.client.app, "_checks", checks)
    ready = quick_notes.client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"] == {"database": "ok", "cache": "ConnectionError"}


def test_ready_stays_yes_without_what_is_not_needed(quick_notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise ConnectionError("database.internal:3306 hush")

    monkeypatch.setattr(quick_notes.client.app, "_checks", [Check("database", away, is_needed=False)])
    ready = quick_notes.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": "ConnectionError"}


def test_metrics_count_requests_by_operation(quick_notes: Notes) -> None:
    quick_notes.client.get("/notes/v1/notes")
    quick_notes.ask("GET", f"/notes/{NOTE}")
    text = quick_notes.client.get("/metrics").text
    assert 'reclothes_request_seconds_count{method="GET",operation="list_notes",status="200"}' in text
    assert 'operation="read_note",status="404"' in text
    assert NOTE not in text


def test_writes_of_internal_users_are_audited_with_the_write(notes: Notes) -> None:
    created = notes.create("a", "key-00001", kind="internal").json()
    answer = notes.ask(
        "DELETE",
        f"/notes/{created['id']}",
        kind="internal",
        headers={"X-Request-Id": "request-42", "X-Forwarded-For": "6.6.6.6, 10.0.0.7"},
    )
    assert answer.status_code == 204
    assert answer.content == b""
    first, second = [document["data"] for document in notes.outbox()]
    assert first["action"] == "create_note"
    assert second["action"] == "delete_note"
    assert second["target"] == f"/notes/v1/notes/{created['id']}"
    assert (second["request_id"], second["source_ip"]) == ("request-42", "10.0.0.7")


def test_an_own_audit_entry_takes_the_place_of_the_general_one(notes: Notes) -> None:
    assert notes.ask("POST", "/faults/own-audit", kind="internal").status_code == 200
    (document,) = notes.outbox()
    assert document["data"]["action"] == "note.renamed"
    assert document["data"]["after"] == {"title": "b"}


def test_customers_and_reads_are_not_audited(notes: Notes) -> None:
    created = notes.create("a", "key-00001").json()
    notes.ask("GET", f"/notes/{created['id']}", kind="internal")
    assert notes.outbox() == []


def test_a_handler_without_an_operation_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from connexion.exceptions import ResolverError

    with pytest.raises(ResolverError, match="has no operation in the contract"):
        ContractResolver().require_operations("locker")
