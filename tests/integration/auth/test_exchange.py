"""The exchange: what a gateway gets for an opaque token, and when it gets nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from libs.chassis import db
from libs.chassis.cache import redis_client
from libs.chassis.clock import freeze, now
from libs.chassis.settings import overridden
from services.auth import demo
from services.auth.accounts.tables import User
from services.auth.roles.tables import UserRole
from services.auth.sessions import cache
from services.auth.sessions.tables import Session
from services.auth.tokens import opaque, token_exchange
from tests.integration.auth.people import GATEWAY, People
from tests.support.harness import ISSUER


def test_the_jwt_carries_the_scopes_of_the_roles(verified: People, token: str) -> None:
    answer = verified.swap(token)
    claims = verified.claims_of(answer)
    assert (claims["iss"], claims["aud"], claims["kind"]) == (ISSUER, "reclothes", "customer")
    assert claims["gateway"] == "external"
    assert "shopping:cart" in claims["scope"].split()
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert {"sub", "sid", "roles", "jti"} <= claims.keys()
    assert verified.swap(token).headers["authorization"] == answer.headers["authorization"], "signed once"


def test_a_role_of_the_other_kind_gives_nothing(verified: People, token: str) -> None:
    with db.unit_of_work() as session:
        session.add(UserRole(user_id=verified.ids()[0], role="manager"))
    assert "shopping:prices:write" not in verified.claims_of(verified.swap(token))["scope"]


def test_a_jwt_is_renewed_before_it_ends(verified: People, token: str) -> None:
    first = verified.swap(token).headers["authorization"]
    with freeze(now() + timedelta(seconds=230)):
        assert verified.swap(token).headers["authorization"] == first
    with freeze(now() + timedelta(seconds=250)):
        assert verified.swap(token).headers["authorization"] != first


def test_each_kind_of_user_belongs_to_its_gateway(verified: People, token: str) -> None:
    demo.load()
    staff = verified.log_in_staff().json()["access_token"]
    for _ in range(2):  # at first from the database, then from the cache
        assert verified.swap(token, "/exchange/internal/x").status_code == 401
        assert verified.swap(token, "/exchange/elsewhere/x").status_code == 401
        assert verified.swap(staff).status_code == 401
        assert verified.swap(staff, "/exchange/internal/x").status_code == 200
        assert verified.swap(token).status_code == 200
    assert verified.log_in("manager@reclothes.example", demo.PASSWORD).status_code == 401
    assert verified.log_in(path="staff-logins").status_code == 401


def test_a_token_that_was_tried_at_the_wrong_gateway_still_says_the_right_one(verified: People, token: str) -> None:
    verified.swap(token, "/exchange/internal/x")
    assert verified.claims_of(verified.swap(token))["gateway"] == "external"


def test_a_wrong_gateway_and_an_unknown_token_get_the_same_answer(verified: People, token: str) -> None:
    known, unknown = verified.swap(token, "/exchange/internal/x"), verified.swap("rco_" + "A" * 43)
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert known.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "header",
    [None, "Bearer rco_unknown", "Bearer rco_\xff"],
)
def test_what_is_no_token_is_refused(people: People, header: str | None) -> None:
    headers = {} if header is None else {b"Authorization": header.encode("latin1")}
    answer = people.auth.client.get(GATEWAY, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_two_authorization_headers_are_refused(verified: People, token: str) -> None:
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert verified.auth.client.get(GATEWAY, headers=httpx.Headers(headers)).status_code == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_and_path_is_swapped(verified: People, token: str, method: str) -> None:
    answer = verified.swap(token, "/exchange/external/a/b%2Fc?d=e", method)
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_emptied_cache_logs_nobody_out(verified: People, token: str) -> None:
    before = verified.claims_of(verified.swap(token))
    redis_client().flushdb()
    after = verified.claims_of(verified.swap(token))
    assert (before["sid"], before["sub"]) == (after["sid"], after["sub"])


def test_without_the_cache_the_database_answers(verified: People, token: str) -> None:
    with overridden(redis_url="redis://127.0.0.1:9/0"):
        assert verified.swap(token).status_code == 200
        assert verified.swap("rco_unknown").status_code == 401


def test_without_cache_and_database_nobody_gets_in(verified: People, token: str, tmp_path: Any) -> None:
    away = {"redis_url": "redis://127.0.0.1:9/0", "database_url": "mysql+pymysql://root@127.0.0.1:9/auth"}
    with overridden(**away):
        answer = verified.swap(token)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Retry-After" in answer.headers


def test_a_warm_exchange_needs_no_database(verified: People, token: str) -> None:
    verified.swap(token)
    with overridden(database_url="mysql+pymysql://root@127.0.0.1:9/auth"):
        assert verified.swap(token).status_code == 200


@pytest.mark.real_servers
def test_a_load_under_way_cannot_bring_an_ended_session_back(
    verified: People, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange has read the database; the session ends; then the exchange writes its copy."""
    write = token_exchange._write_cache

    async def log_out_comes_first(token_hash: str, *arguments: Any, **more: Any) -> None:
        cache.apply([token_hash])
        await write(token_hash, *arguments, **more)

    monkeypatch.setattr(token_exchange, "_write_cache", log_out_comes_first)
    assert verified.swap(token).status_code == 200, "this request was before the log-out"
    monkeypatch.undo()
    assert redis_client().get(cache.key_of(opaque.hash_token(token))) == cache.TOMBSTONE
    assert verified.swap(token).status_code == 401


@pytest.mark.real_servers
def test_a_renewal_under_way_cannot_bring_an_ended_session_back(
    verified: People, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified.swap(token)
    write = token_exchange._write_cache

    async def log_out_comes_first(token_hash: str, *arguments: Any, **more: Any) -> None:
        cache.apply([token_hash])
        await write(token_hash, *arguments, **more)

    monkeypatch.setattr(token_exchange, "_write_cache", log_out_comes_first)
    with freeze(now() + timedelta(seconds=250)):
        verified.swap(token)
    monkeypatch.undo()
    assert verified.swap(token).status_code == 401


@pytest.mark.real_servers
def test_a_copy_of_another_version_of_the_service_is_replaced(verified: People, token: str) -> None:
    key = cache.key_of(opaque.hash_token(token))
    redis_client().set(key, json.dumps({"kind": "customer", "more": 1}))
    assert verified.swap(token).status_code == 200
    assert "jwt" in str(redis_client().get(key))


def test_a_jwt_does_not_outlive_its_session(verified: People, token: str) -> None:
    with db.unit_of_work() as session:
        session.execute(update(Session).values(expires_at=now() + timedelta(seconds=30)))
    claims = verified.claims_of(verified.swap(token))
    assert 0 < claims["exp"] - claims["iat"] <= 30
    with freeze(now() + timedelta(seconds=31)):
        assert verified.swap(token).status_code == 401


def test_the_last_use_is_noted_but_not_with_every_request(verified: People, token: str) -> None:
    def last_seen() -> Any:
        with db.unit_of_work(reads_only=True) as session:
            return session.scalars(select(Session.last_seen_at)).one()

    began = last_seen()
    verified.swap(token)
    assert last_seen() == began
    later = now() + timedelta(minutes=29)
    with freeze(later):
        verified.swap(token)
    assert last_seen() == later
    redis_client().flushdb()
    with freeze(later + timedelta(minutes=29)):
        assert verified.swap(token).status_code == 200, "it was not idle for twelve hours"


@pytest.mark.real_servers
def test_an_exchange_does_not_wait_for_who_writes(verified: People, token: str) -> None:
    with db.unit_of_work() as session:
        session.execute(update(User).values(state="active"))  # on SQLite the one lock for writing
        assert verified.swap(token).status_code == 200
        assert verified.swap("rco_unknown").status_code == 401
