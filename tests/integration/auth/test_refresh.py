"""Refresh tokens: rotation, reuse, and what ends them (stories c-02 to c-12)."""

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
from tests.integration.auth.people import People, slug


@pytest.fixture
def opened(verified: People) -> dict[str, str]:
    """Ines's tokens after log-in."""
    answer: dict[str, str] = verified.log_in().json()
    return answer


def refresh(people: People, token: str, path: str = "refreshes") -> tuple[int, dict[str, str]]:
    answer = people.post(path, {"refresh_token": token})
    return answer.status_code, answer.json()


def test_a_refresh_gives_new_tokens_and_ends_the_old_ones(verified: People, opened: dict[str, str]) -> None:
    assert verified.swap(opened["access_token"]).status_code == 200
    status, renewed = refresh(verified, opened["refresh_token"])
    assert status == 200
    assert renewed["access_token"] != opened["access_token"]
    assert renewed["refresh_token"] != opened["refresh_token"]
    assert verified.swap(opened["access_token"]).status_code == 401
    claims = verified.claims_of(verified.swap(renewed["access_token"]))
    assert claims["sub"] == opened["user"]["id"]  # type: ignore[index]


def refresh_after_grace(people: People, token: str) -> tuple[int, dict[str, str]]:
    with freeze(now() + rules.REFRESH_GRACE_PERIOD + timedelta(seconds=1)):
        return refresh(people, token)


@pytest.mark.real_servers
def test_a_refresh_token_that_is_reused_later_ends_the_whole_session(
    verified: People, opened: dict[str, str]
) -> None:
    _, renewed = refresh(verified, opened["refresh_token"])
    status, answer = refresh_after_grace(verified, opened["refresh_token"])
    assert (status, answer["type"].rpartition("/")[2]) == (401, "refresh-token-not-valid")
    assert verified.swap(renewed["access_token"]).status_code == 401, "the thief's, or the owner's: nobody knows"
    assert refresh(verified, renewed["refresh_token"])[0] == 401
    assert "used twice" in verified.mails()[-1].text
    assert verified.auth.published("auth.audit.recorded.v1")[-1]["action"] == "refresh_token_reused"


@pytest.mark.real_servers
def test_two_tabs_that_refresh_at_the_same_moment_get_the_same_tokens(
    verified: People, opened: dict[str, str]
) -> None:
    with ThreadPoolExecutor(2) as tabs:
        answers = list(tabs.map(lambda _: refresh(verified, opened["refresh_token"]), range(2)))
    assert [status for status, _ in answers] == [200, 200]
    (_, first), (_, second) = answers
    for name in ("access_token", "refresh_token", "user"):
        assert first[name] == second[name]
    assert verified.swap(first["access_token"]).status_code == 200
    with db.unit_of_work(reads_only=True) as session:
        kept = [row for row in session.scalars(select(RefreshToken.replacement)) if row is not None]
    assert len(kept) == 1
    assert first["access_token"] not in kept[0], "the database alone does not have the tokens"


def test_a_token_whose_successor_was_used_ends_the_session_immediately(
    verified: People, opened: dict[str, str]
) -> None:
    _, renewed = refresh(verified, opened["refresh_token"])
    status, newest = refresh(verified, renewed["refresh_token"])
    assert status == 200
    assert refresh(verified, opened["refresh_token"])[0] == 401
    assert verified.swap(newest["access_token"]).status_code == 401


def test_within_the_grace_nothing_is_returned_of_a_session_that_ended(
    verified: People, opened: dict[str, str]
) -> None:
    _, renewed = refresh(verified, opened["refresh_token"])
    verified.log_out(renewed["access_token"])
    assert refresh(verified, opened["refresh_token"])[0] == 401


def test_the_other_sessions_of_the_person_live_on(verified: People, opened: dict[str, str]) -> None:
    other = verified.log_in().json()["access_token"]
    refresh(verified, opened["refresh_token"])
    assert refresh_after_grace(verified, opened["refresh_token"])[0] == 401
    assert verified.swap(other).status_code == 200


def test_only_the_hash_of_a_refresh_token_is_kept(verified: People, opened: dict[str, str]) -> None:
    with db.unit_of_work(reads_only=True) as session:
        kept = session.scalars(select(RefreshToken.token_hash)).one()
    assert kept == opaque.hash_token(opened["refresh_token"])


def test_after_log_out_nothing_can_be_renewed(verified: People, opened: dict[str, str]) -> None:
    verified.log_out(opened["access_token"])
    assert refresh(verified, opened["refresh_token"])[0] == 401


def test_an_access_token_ends_and_is_renewed_long_after(verified: People, opened: dict[str, str]) -> None:
    with freeze(now() + timedelta(minutes=31)):
        assert verified.swap(opened["access_token"]).status_code == 401, "unused for half an hour"
    with freeze(now() + timedelta(days=13)):
        status, renewed = refresh(verified, opened["refresh_token"])
        assert status == 200
        assert verified.swap(renewed["access_token"]).status_code == 200


def test_a_refresh_token_ends_too(verified: People, opened: dict[str, str]) -> None:
    with freeze(now() + timedelta(days=14, seconds=1)):
        assert refresh(verified, opened["refresh_token"])[0] == 401


def test_no_renewal_goes_beyond_the_end_of_the_session(verified: People, opened: dict[str, str]) -> None:
    soon = now() + timedelta(seconds=90)
    with db.unit_of_work() as session:
        session.execute(update(Session).values(expires_at=soon))
    status, renewed = refresh(verified, opened["refresh_token"])
    assert status == 200
    assert 0 < int(renewed["expires_in"]) <= 90
    assert 0 < int(renewed["refresh_expires_in"]) <= 90
    with freeze(soon + timedelta(seconds=1)):
        assert verified.swap(renewed["access_token"]).status_code == 401
        assert refresh(verified, renewed["refresh_token"])[0] == 401


def test_a_customers_refresh_token_is_worthless_at_the_internal_gateway(
    verified: People, opened: dict[str, str]
) -> None:
    demo.load()
    assert refresh(verified, opened["refresh_token"], "staff-refreshes")[0] == 401
    staff = verified.log_in_staff().json()
    assert refresh(verified, staff["refresh_token"], "refreshes")[0] == 401
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(Session).where(Session.revoked_at.is_not(None))).all() == []


def test_staff_log_in_each_day(verified: People) -> None:
    demo.load()
    staff = verified.log_in_staff().json()
    assert refresh(verified, staff["refresh_token"], "staff-refreshes")[0] == 200
    staff = verified.log_in_staff().json()
    with freeze(now() + timedelta(hours=12, seconds=1)):
        assert refresh(verified, staff["refresh_token"], "staff-refreshes")[0] == 401


def test_one_sees_where_one_is_logged_in_and_ends_it(verified: People, opened: dict[str, str]) -> None:
    token, other = opened["access_token"], verified.log_in().json()
    listed = verified.ask(token, "GET", "sessions").json()["items"]
    assert [one["is_current"] for one in listed] == [False, True], "newest first"
    assert listed[0]["user_agent"]
    [elsewhere] = [one["session_id"] for one in listed if not one["is_current"]]
    assert verified.ask(token, "DELETE", f"sessions/{elsewhere}").status_code == 204
    assert verified.swap(other["access_token"]).status_code == 401
    assert len(verified.ask(token, "GET", "sessions").json()["items"]) == 1
    assert verified.ask(token, "DELETE", f"sessions/{elsewhere}").status_code == 404


def test_nobody_ends_another_persons_session(verified: People, opened: dict[str, str]) -> None:
    demo.load()
    buyer = verified.log_in("buyer@reclothes.example", demo.PASSWORD).json()["access_token"]
    [mine] = [one["session_id"] for one in verified.ask(buyer, "GET", "sessions").json()["items"]]
    assert verified.ask(opened["access_token"], "DELETE", f"sessions/{mine}").status_code == 404
    assert verified.swap(buyer).status_code == 200


def test_log_out_everywhere(verified: People, opened: dict[str, str]) -> None:
    others = [verified.log_in().json()["access_token"] for _ in range(2)]
    assert verified.ask(opened["access_token"], "DELETE", "sessions").status_code == 204
    for token in (opened["access_token"], *others):
        assert verified.swap(token).status_code == 401
    assert slug(verified.ask(opened["access_token"], "GET", "sessions")) == "unauthenticated"
