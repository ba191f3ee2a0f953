"""Responses of any service: problem documents without internal details, audit, health and metrics."""

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


def problem_of(response: Any, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["type"].endswith(f"/problems/{slug}")
    assert document["instance"] == f"urn:reclothes:request:{response.headers['x-request-id']}"
    return document


def pointers(response: Any) -> set[str]:
    return {error["pointer"] for error in problem_of(response, 400, "bad-request")["errors"]}


def test_all_errors_of_a_body_are_reported_together(quick_notes: Notes) -> None:
    body = {"text": 5, "mail": "x", "lines": [{"n": 1}, {}]}
    response = quick_notes.send("POST", "/notes", json=body, headers={"Idempotency-Key": "key-00001"})
    assert pointers(response) == {"/title", "/text", "/mail", "/lines/1/n"}


def test_a_body_with_an_unknown_name_is_rejected(quick_notes: Notes) -> None:
    body = {"title": "a", "text": None, "colour": "red"}
    response = quick_notes.send("POST", "/notes", json=body, headers={"Idempotency-Key": "key-00001"})
    assert "colour" in problem_of(response, 400, "bad-request")["detail"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"title": "a", "title": "b", "text": null}', b"[" * 100_000])
def test_a_body_that_cannot_be_parsed_is_a_400(quick_notes: Notes, content: bytes) -> None:
    headers = {"Idempotency-Key": "key-00001", "Content-Type": "application/json"}
    problem_of(quick_notes.send("POST", "/notes", content=content, headers=headers), 400, "bad-request")


def test_all_errors_of_parameters_are_reported_together(quick_notes: Notes) -> None:
    response = quick_notes.client.get("/notes/v1/notes?limit=0&kind=huge&page=2")
    assert pointers(response) == {"query/limit", "query/kind", "query/page"}
    assert pointers(quick_notes.client.get("/notes/v1/notes?limit=many")) == {"query/limit"}
    assert pointers(quick_notes.client.get("/notes/v1/notes?cursor=abcd")) == {"query/cursor"}
    assert pointers(quick_notes.send("GET", "/notes/nonsense")) == {"path/note_id"}


@pytest.mark.parametrize(
    "limit", ["1_0", "+10", "%2B10", "%2010", "10%20", "010", "1.0", "1e1", "%EF%BC%91%EF%BC%90", ""]
)
def test_a_number_in_a_query_is_spelled_as_in_json(quick_notes: Notes, limit: str) -> None:
    assert pointers(quick_notes.client.get(f"/notes/v1/notes?limit={limit}")) == {"query/limit"}


def test_the_cursor_of_another_list_is_rejected(quick_notes: Notes) -> None:
    for title in "abc":
        quick_notes.create(title, f"key-0000{title}")
    path = "/notes/v1/notes?limit=1"
    cursor = quick_notes.client.get(f"{path}&kind=long").json()["next_cursor"]
    assert quick_notes.client.get(f"{path}0&kind=long&cursor={cursor}").json()["items"][0]["title"] == "b"
    for other in ("/notes/v1/notes?kind=short", "/notes/v1/notes?limit=1", "/notes/v1/drafts?kind=long"):
        assert pointers(quick_notes.client.get(f"{other}&cursor={cursor}")) == {"query/cursor"}


def test_a_repeated_header_of_the_contract_is_rejected(quick_notes: Notes) -> None:
    bearer = f"Bearer {token(user_id('ana'), 'notes:write')}"
    headers = [("Authorization", bearer), ("Idempotency-Key", "key-00001"), ("Idempotency-Key", "bad key!")]
    response = quick_notes.client.post("/notes/v1/notes", json={"title": "one"}, headers=httpx.Headers(headers))
    assert response.status_code == 400
    assert response.json()["errors"] == [{"pointer": "header/idempotency-key", "detail": "sent more than once"}]
    assert quick_notes.titles() == []


def test_a_repeated_parameter_is_rejected(quick_notes: Notes) -> None:
    for query in ("limit=1&limit=2", "limit=1&lim%69t=1"):
        response = quick_notes.client.get(f"/notes/v1/notes?{query}")
        assert pointers(response) == {"query/limit"}
        assert "more than once" in response.json()["detail"]


def test_a_missing_or_invalid_token_is_a_401(quick_notes: Notes) -> None:
    for header in ("", "Bearer nonsense", "Basic YTpi"):
        response = quick_notes.send("GET", f"/notes/{NOTE}", headers={"Authorization": header})
        problem_of(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_missing_scope_is_a_403_that_names_it(quick_notes: Notes) -> None:
    response = quick_notes.create("a", "key-00001", scopes="other:write other:read")
    document = problem_of(response, 403, "forbidden")
    assert (document["detail"], document["missing_scopes"]) == (
        "the token lacks the scope notes:write",
        ["notes:write"],
    )
    challenge = 'Bearer realm="reclothes", error="insufficient_scope", scope="notes:write"'
    assert response.headers["www-authenticate"] == challenge
    assert "other:" not in response.text, "what the token is good for is nobody's business"
    assert quick_notes.titles() == []


def test_an_unknown_method_is_a_405_with_the_allowed_ones(quick_notes: Notes) -> None:
    for path, known in (
        ("/notes", "GET, POST"),
        (f"/notes/{NOTE}", "DELETE, GET"),
        ("/faults/bug", "POST"),
    ):
        response = quick_notes.send("PATCH", path)
        problem_of(response, 405, "method-not-allowed")
        assert response.headers["allow"] == known
        head = quick_notes.send("HEAD", path)
        assert (head.status_code, head.headers["allow"]) == (405, known), "only what a contract has is there"
    assert quick_notes.send("HEAD", "/nowhere").status_code == 404


def test_an_unknown_resource_is_a_404(quick_notes: Notes) -> None:
    problem_of(quick_notes.send("GET", f"/notes/{NOTE}"), 404, "not-found")
    problem_of(quick_notes.client.get("/nowhere"), 404, "not-found")


@pytest.mark.parametrize("media_type", ["Application/JSON", "application/json ; charset=utf-8"])
def test_media_types_are_case_insensitive(quick_notes: Notes, media_type: str) -> None:
    headers = {"Idempotency-Key": "key-00001", "Content-Type": media_type}
    wrong = quick_notes.send("POST", "/notes", content=b'{"title": 5}', headers=headers)
    assert "/title" in pointers(wrong), "it is read and checked"
    body = b'{"title": "a", "text": null, "lines": []}'
    headers["Idempotency-Key"] = "key-00002"
    assert quick_notes.send("POST", "/notes", content=body, headers=headers).status_code == 201


def test_another_media_type_is_a_415(quick_notes: Notes) -> None:
    headers = {"Idempotency-Key": "key-00001", "Content-Type": "text/plain"}
    problem_of(quick_notes.send("POST", "/notes", content=b"hello", headers=headers), 415, "unsupported-media-type")


@pytest.mark.parametrize("kind", ["bug", "broken-response"])
def test_an_internal_error_is_a_500_without_details(quick_notes: Notes, kind: str) -> None:
    response = quick_notes.send("POST", f"/faults/{kind}")
    problem_of(response, 500, "internal-error")
    for leak in ("hush", "Traceback", "ZeroDivision", "notes_api", "required"):
        assert leak not in response.text


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
        assert production.send("POST", "/faults/broken-response").status_code == 200
    (line,) = lines_about(captured, LogEvent.CONTRACT_VIOLATED)
    assert (line["operation"], line["log_level"]) == ("play_fault", "error")
    assert {fault["pointer"] for fault in line["errors"]} == {"/", "/title"}
    assert metrics.CONTRACT_VIOLATIONS.labels("play_fault")._value.get() == counted + 1


def test_in_production_a_status_that_the_contract_does_not_define_is_logged(production: Notes) -> None:
    with structlog.testing.capture_logs() as captured:
        assert production.send("GET", f"/notes/{NOTE}").status_code == 404
    (line,) = lines_about(captured, LogEvent.CONTRACT_VIOLATED)
    assert line["errors"] == [{"pointer": "status", "detail": "404 is not defined for this operation"}]


def test_a_valid_response_is_not_logged(production: Notes) -> None:
    with structlog.testing.capture_logs() as captured:
        assert production.create("a", "key-00001").status_code == 201
        assert production.client.get("/notes/v1/notes").status_code == 200
    assert lines_about(captured, LogEvent.CONTRACT_VIOLATED) == []


def test_a_failing_check_does_not_change_the_response(production: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(response_checks, "find_violations", fail)
    assert production.create("a", "key-00001").status_code == 201


def test_only_the_sample_is_checked(production: Notes) -> None:
    with overridden(response_check_percent=0.0), structlog.testing.capture_logs() as captured:
        assert production.send("POST", "/faults/broken-response").status_code == 200
    assert lines_about(captured, LogEvent.CONTRACT_VIOLATED) == []


def test_a_valid_request_id_is_kept_and_another_is_replaced(quick_notes: Notes) -> None:
    kept = quick_notes.client.get("/notes/v1/notes", headers={"X-Request-Id": "trace-me_1.2"})
    assert kept.headers["x-request-id"] == "trace-me_1.2"
    for bad in ("short", 'evil"<script>', "x" * 129, ""):
        made = quick_notes.client.get("/notes/v1/notes", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert uuid.UUID(hex=made).version == 4


@pytest.mark.real_servers
def test_a_failing_handler_is_rolled_back(notes: Notes) -> None:
    problem_of(notes.send("POST", "/faults/rollback", kind="internal"), 500, "internal-error")
    assert notes.titles() == []
    assert notes.outbox() == []


@pytest.mark.real_servers
def test_a_constraint_violation_is_a_conflict(notes: Notes) -> None:
    response = notes.send("POST", "/faults/twice")
    problem_of(response, 409, "constraint-violated")
    assert "half done" not in response.text
    assert notes.titles() == []


def test_an_unavailable_database_is_a_503_with_retry_after(quick_notes: Notes) -> None:
    response = quick_notes.send("POST", "/faults/database-unavailable")
    problem_of(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) > 0
    assert "hush" not in response.text


@pytest.mark.parametrize(
    "gone",
    ["mysql+pymysql://root@127.0.0.1:9/gone", "sqlite:////nowhere/at/all/gone.db"],
    ids=["mariadb", "sqlite"],
)
def test_an_unreachable_database_is_a_503_until_it_recovers(quick_notes: Notes, gone: str) -> None:
    with overridden(database_url=gone):
        for response in (quick_notes.client.get("/notes/v1/notes"), quick_notes.create("a", "key-00001")):
            problem_of(response, 503, "unavailable")
            assert "retry-after" in response.headers
        assert quick_notes.client.get("/livez").status_code == 200
        ready = quick_notes.client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "OperationalError"
        assert "gone" not in ready.text
    assert quick_notes.create("a", "key-00001").status_code == 201
    assert quick_notes.client.get("/readyz").json()["checks"]["database"] == "ok"


def test_a_failing_check_makes_a_service_not_ready(quick_notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> None:
        raise ConnectionError("cache.internal:6379 hush")

    checks = [Check("database", db.ping), Check("cache", unavailable)]
    monkeypatch.setattr(quick_notes.client.app, "_checks", checks)
    ready = quick_notes.client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"] == {"database": "ok", "cache": "ConnectionError"}


def test_a_failing_optional_check_keeps_a_service_ready(
    quick_notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable() -> None:
        raise ConnectionError("database.internal:3306 hush")

    monkeypatch.setattr(quick_notes.client.app, "_checks", [Check("database", unavailable, is_needed=False)])
    ready = quick_notes.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": "ConnectionError"}


def test_metrics_count_requests_by_operation(quick_notes: Notes) -> None:
    quick_notes.client.get("/notes/v1/notes")
    quick_notes.send("GET", f"/notes/{NOTE}")
    text = quick_notes.client.get("/metrics").text
    assert 'reclothes_request_seconds_count{method="GET",operation="list_notes",status="200"}' in text
    assert 'operation="read_note",status="404"' in text
    assert NOTE not in text


def test_writes_of_internal_users_are_audited_in_their_transaction(notes: Notes) -> None:
    created = notes.create("a", "key-00001", kind="internal").json()
    response = notes.send(
        "DELETE",
        f"/notes/{created['id']}",
        kind="internal",
        headers={"X-Request-Id": "request-42", "X-Forwarded-For": "6.6.6.6, 10.0.0.7"},
    )
    assert response.status_code == 204
    assert response.content == b""
    first, second = [document["data"] for document in notes.outbox()]
    assert first["action"] == "create_note"
    assert second["action"] == "delete_note"
    assert second["target"] == f"/notes/v1/notes/{created['id']}"
    assert (second["request_id"], second["source_ip"]) == ("request-42", "10.0.0.7")


def test_a_specific_audit_entry_replaces_the_general_one(notes: Notes) -> None:
    assert notes.send("POST", "/faults/own-audit", kind="internal").status_code == 200
    (document,) = notes.outbox()
    assert document["data"]["action"] == "note.renamed"
    assert document["data"]["after"] == {"title": "b"}


def test_customers_and_reads_are_not_audited(notes: Notes) -> None:
    created = notes.create("a", "key-00001").json()
    notes.send("GET", f"/notes/{created['id']}", kind="internal")
    assert notes.outbox() == []


def test_a_handler_without_an_operation_fails_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from connexion.exceptions import ResolverError

    with pytest.raises(ResolverError, match="has no operation in the contract"):
        ContractResolver().require_operations("locker")
