"""Refresh tokens: rotation, reuse and expiry; and the list of own sessions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from libs.chassis import db
from libs.chassis.clock import freeze, now
from services.auth import demo
from services.auth.sessions import rules
from services.auth.sessions.tables import RefreshToken, Session
from services.auth.tokens import opaque
from tests.integration.auth.auth_api import AuthApi, slug


@pytest.fixture
def tokens(customer: AuthApi) -> dict[str, str]:
    """The tokens of Inês after log-in."""
    response: dict[str, str] = customer.log_in().json()
    return response


def refresh(api: AuthApi, token: str, path: str = "refreshes") -> tuple[int, dict[str, str]]:
    response = api.post(path, {"refresh_token": token})
    return response.status_code, response.json()


def test_a_refresh_issues_new_tokens_and_voids_the_old_ones(customer: AuthApi, tokens: dict[str, str]) -> None:
    assert customer.exchange(tokens["access_token"]).status_code == 200
    status, renewed = refresh(customer, tokens["refresh_token"])
    assert status == 200
    assert renewed["access_token"] != tokens["access_token"]
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert customer.exchange(tokens["access_token"]).status_code == 401
    claims = customer.claims_of(customer.exchange(renewed["access_token"]))
    assert claims["sub"] == tokens["user"]["id"]  # type: ignore[index]


def refresh_after_grace(api: AuthApi, token: str) -> tuple[int, dict[str, str]]:
    with freeze(now() + rules.REFRESH_GRACE_PERIOD + timedelta(seconds=1)):
        return refresh(api, token)


@pytest.mark.real_servers
def test_reuse_of_a_refresh_token_after_the_grace_period_revokes_the_session(
    customer: AuthApi, tokens: dict[str, str]
) -> None:
    _, renewed = refresh(customer, tokens["refresh_token"])
    status, response = refresh_after_grace(customer, tokens["refresh_token"])
    assert (status, response["type"].rpartition("/")[2]) == (401, "refresh-token-not-valid")
    assert customer.exchange(renewed["access_token"]).status_code == 401, "it may be the attacker's"
    assert refresh(customer, renewed["refresh_token"])[0] == 401
    assert "used twice" in customer.mails()[-1].text
    assert customer.auth.published("auth.audit.recorded.v1")[-1]["action"] == "refresh_token_reused"


@pytest.mark.real_servers
def test_concurrent_refreshes_get_the_same_tokens(customer: AuthApi, tokens: dict[str, str]) -> None:
    with ThreadPoolExecutor(2) as tabs:
        responses = list(tabs.map(lambda _: refresh(customer, tokens["refresh_token"]), range(2)))
    assert [status for status, _ in responses] == [200, 200]
    (_, first), (_, second) = responses
    for name in ("access_token", "refresh_token", "user"):
        assert first[name] == second[name]
    assert customer.exchange(first["access_token"]).status_code == 200
    with db.unit_of_work(reads_only=True) as session:
        stored = [row for row in session.scalars(select(RefreshToken.replacement)) if row is not None]
    assert len(stored) == 1
    assert first["access_token"] not in stored[0], "the database alone does not have the tokens"


def test_reuse_of_a_refresh_token_whose_replacement_was_used_revokes_the_session(
    customer: AuthApi, tokens: dict[str, str]
) -> None:
    _, renewed = refresh(customer, tokens["refresh_token"])
    status, newest = refresh(customer, renewed["refresh_token"])
    assert status == 200
    assert refresh(customer, tokens["refresh_token"])[0] == 401
    assert customer.exchange(newest["access_token"]).status_code == 401


def test_the_grace_period_does_not_apply_to_an_ended_session(customer: AuthApi, tokens: dict[str, str]) -> None:
    _, renewed = refresh(customer, tokens["refresh_token"])
    customer.log_out(renewed["access_token"])
    assert refresh(customer, tokens["refresh_token"])[0] == 401


def test_reuse_does_not_affect_other_sessions_of_the_user(customer: AuthApi, tokens: dict[str, str]) -> None:
    other = customer.log_in().json()["access_token"]
    refresh(customer, tokens["refresh_token"])
    assert refresh_after_grace(customer, tokens["refresh_token"])[0] == 401
    assert customer.exchange(other).status_code == 200


def test_only_the_hash_of_a_refresh_token_is_stored(customer: AuthApi, tokens: dict[str, str]) -> None:
    with db.unit_of_work(reads_only=True) as session:
        stored = session.scalars(select(RefreshToken.token_hash)).one()
    assert stored == opaque.hash_token(tokens["refresh_token"])


def test_a_session_cannot_be_refreshed_after_log_out(customer: AuthApi, tokens: dict[str, str]) -> None:
    customer.log_out(tokens["access_token"])
    assert refresh(customer, tokens["refresh_token"])[0] == 401


def test_an_idle_access_token_expires_and_its_session_can_be_refreshed(
    customer: AuthApi, tokens: dict[str, str]
) -> None:
    with freeze(now() + timedelta(minutes=31)):
        assert customer.exchange(tokens["access_token"]).status_code == 401, "unused for half an hour"
    with freeze(now() + timedelta(days=13)):
        status, renewed = refresh(customer, tokens["refresh_token"])
        assert status == 200
        assert customer.exchange(renewed["access_token"]).status_code == 200


def test_a_refresh_token_expires(customer: AuthApi, tokens: dict[str, str]) -> None:
    with freeze(now() + timedelta(days=14, seconds=1)):
        assert refresh(customer, tokens["refresh_token"])[0] == 401


def test_refreshed_tokens_do_not_outlive_the_session(customer: AuthApi, tokens: dict[str, str]) -> None:
    soon = now() + timedelta(seconds=90)
    with db.unit_of_work() as session:
        session.execute(update(Session).values(expires_at=soon))
    status, renewed = refresh(customer, tokens["refresh_token"])
    assert status == 200
    assert 0 < int(renewed["expires_in"]) <= 90
    assert 0 < int(renewed["refresh_expires_in"]) <= 90
    with freeze(soon + timedelta(seconds=1)):
        assert customer.exchange(renewed["access_token"]).status_code == 401
        assert refresh(customer, renewed["refresh_token"])[0] == 401


def test_refresh_tokens_are_valid_for_one_kind_of_user_only(customer: AuthApi, tokens: dict[str, str]) -> None:
    demo.load()
    assert refresh(customer, tokens["refresh_token"], "staff-refreshes")[0] == 401
    staff = customer.log_in_staff().json()
    assert refresh(customer, staff["refresh_token"], "refreshes")[0] == 401
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(Session).where(Session.revoked_at.is_not(None))).all() == []


def test_a_staff_session_lasts_half_a_day(customer: AuthApi) -> None:
    demo.load()
    staff = customer.log_in_staff().json()
    assert refresh(customer, staff["refresh_token"], "staff-refreshes")[0] == 200
    staff = customer.log_in_staff().json()
    with freeze(now() + timedelta(hours=12, seconds=1)):
        assert refresh(customer, staff["refresh_token"], "staff-refreshes")[0] == 401


def test_a_user_lists_and_ends_own_sessions(customer: AuthApi, tokens: dict[str, str]) -> None:
    token, other = tokens["access_token"], customer.log_in().json()
    sessions = customer.request(token, "GET", "sessions").json()["items"]
    assert [item["is_current"] for item in sessions] == [False, True], "newest first"
    assert sessions[0]["user_agent"]
    [elsewhere] = [item["session_id"] for item in sessions if not item["is_current"]]
    assert customer.request(token, "DELETE", f"sessions/{elsewhere}").status_code == 204
    assert customer.exchange(other["access_token"]).status_code == 401
    assert len(customer.request(token, "GET", "sessions").json()["items"]) == 1
    assert customer.request(token, "DELETE", f"sessions/{elsewhere}").status_code == 404


def test_a_user_cannot_end_the_session_of_another_user(customer: AuthApi, tokens: dict[str, str]) -> None:
    demo.load()
    buyer = customer.log_in("buyer@reclothes.example", demo.PASSWORD).json()["access_token"]
    [mine] = [item["session_id"] for item in customer.request(buyer, "GET", "sessions").json()["items"]]
    assert customer.request(tokens["access_token"], "DELETE", f"sessions/{mine}").status_code == 404
    assert customer.exchange(buyer).status_code == 200


def test_logging_out_everywhere_ends_all_sessions(customer: AuthApi, tokens: dict[str, str]) -> None:
    others = [customer.log_in().json()["access_token"] for _ in range(2)]
    assert customer.request(tokens["access_token"], "DELETE", "sessions").status_code == 204
    for token in (tokens["access_token"], *others):
        assert customer.exchange(token).status_code == 401
    assert slug(customer.request(tokens["access_token"], "GET", "sessions")) == "unauthenticated"
