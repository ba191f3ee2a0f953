"""The token exchange: which JWT a gateway gets for an opaque token, and which tokens are rejected."""

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
from tests.integration.auth.auth_api import GATEWAY, AuthApi
from tests.support.harness import ISSUER


def test_the_jwt_contains_the_scopes_of_the_roles(customer: AuthApi, token: str) -> None:
    response = customer.exchange(token)
    claims = customer.claims_of(response)
    assert (claims["iss"], claims["aud"], claims["kind"]) == (ISSUER, "reclothes", "customer")
    assert claims["gateway"] == "external"
    assert "shopping:cart" in claims["scope"].split()
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert {"sub", "sid", "roles", "jti"} <= claims.keys()
    assert customer.exchange(token).headers["authorization"] == response.headers["authorization"], "signed once"


def test_a_role_for_the_other_kind_of_user_grants_nothing(customer: AuthApi, token: str) -> None:
    with db.unit_of_work() as session:
        session.add(UserRole(user_id=customer.user_ids()[0], role="manager"))
    assert "shopping:prices:write" not in customer.claims_of(customer.exchange(token))["scope"]


def test_a_jwt_is_signed_again_before_it_expires(customer: AuthApi, token: str) -> None:
    first = customer.exchange(token).headers["authorization"]
    with freeze(now() + timedelta(seconds=230)):
        assert customer.exchange(token).headers["authorization"] == first
    with freeze(now() + timedelta(seconds=250)):
        assert customer.exchange(token).headers["authorization"] != first


def test_each_kind_of_user_has_access_through_its_gateway_only(customer: AuthApi, token: str) -> None:
    demo.load()
    staff = customer.log_in_staff().json()["access_token"]
    for _ in range(2):  # at first from the database, then from the cache
        assert customer.exchange(token, "/exchange/internal/x").status_code == 401
        assert customer.exchange(token, "/exchange/elsewhere/x").status_code == 401
        assert customer.exchange(staff).status_code == 401
        assert customer.exchange(staff, "/exchange/internal/x").status_code == 200
        assert customer.exchange(token).status_code == 200
    assert customer.log_in("manager@reclothes.example", demo.PASSWORD).status_code == 401
    assert customer.log_in(path="staff-logins").status_code == 401


def test_a_request_through_the_wrong_gateway_does_not_affect_the_right_one(customer: AuthApi, token: str) -> None:
    customer.exchange(token, "/exchange/internal/x")
    assert customer.claims_of(customer.exchange(token))["gateway"] == "external"


def test_a_wrong_gateway_and_an_unknown_token_have_the_same_response(customer: AuthApi, token: str) -> None:
    wrong_gateway, unknown = customer.exchange(token, "/exchange/internal/x"), customer.exchange("rco_" + "A" * 43)
    assert (wrong_gateway.status_code, wrong_gateway.text) == (unknown.status_code, unknown.text)
    assert wrong_gateway.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "header",
    [None, "Bearer rco_unknown", "Bearer rco_\xff"],
)
def test_a_malformed_token_is_rejected(api: AuthApi, header: str | None) -> None:
    headers = {} if header is None else {b"Authorization": header.encode("latin1")}
    response = api.auth.client.get(GATEWAY, headers=headers)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_two_authorization_headers_are_rejected(customer: AuthApi, token: str) -> None:
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert customer.auth.client.get(GATEWAY, headers=httpx.Headers(headers)).status_code == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_tokens_are_exchanged_for_every_method_and_path(customer: AuthApi, token: str, method: str) -> None:
    response = customer.exchange(token, "/exchange/external/a/b%2Fc?d=e", method)
    assert (response.status_code, response.content) == (200, b"")


def test_sessions_survive_the_loss_of_the_cache(customer: AuthApi, token: str) -> None:
    before = customer.claims_of(customer.exchange(token))
    redis_client().flushdb()
    after = customer.claims_of(customer.exchange(token))
    assert (before["sid"], before["sub"]) == (after["sid"], after["sub"])


def test_the_exchange_reads_the_database_while_the_cache_is_unavailable(customer: AuthApi, token: str) -> None:
    with overridden(redis_url="redis://127.0.0.1:9/0"):
        assert customer.exchange(token).status_code == 200
        assert customer.exchange("rco_unknown").status_code == 401


def test_the_exchange_is_unavailable_without_cache_and_database(
    customer: AuthApi, token: str, tmp_path: Any
) -> None:
    unavailable = {"redis_url": "redis://127.0.0.1:9/0", "database_url": "mysql+pymysql://root@127.0.0.1:9/auth"}
    with overridden(**unavailable):
        response = customer.exchange(token)
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert "Retry-After" in response.headers


def test_a_cached_session_needs_no_database(customer: AuthApi, token: str) -> None:
    customer.exchange(token)
    with overridden(database_url="mysql+pymysql://root@127.0.0.1:9/auth"):
        assert customer.exchange(token).status_code == 200


@pytest.mark.real_servers
def test_a_concurrent_exchange_does_not_restore_a_revoked_session(
    customer: AuthApi, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session is revoked between the read from the database and the write to the cache."""
    write = token_exchange._write_cache

    async def revoke_then_write(token_hash: str, *arguments: Any, **more: Any) -> None:
        cache.apply([token_hash])
        await write(token_hash, *arguments, **more)

    monkeypatch.setattr(token_exchange, "_write_cache", revoke_then_write)
    assert customer.exchange(token).status_code == 200, "this request was before the log-out"
    monkeypatch.undo()
    assert redis_client().get(cache.make_key(opaque.hash_token(token))) == cache.TOMBSTONE
    assert customer.exchange(token).status_code == 401


@pytest.mark.real_servers
def test_a_concurrent_renewal_does_not_restore_a_revoked_session(
    customer: AuthApi, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer.exchange(token)
    write = token_exchange._write_cache

    async def revoke_then_write(token_hash: str, *arguments: Any, **more: Any) -> None:
        cache.apply([token_hash])
        await write(token_hash, *arguments, **more)

    monkeypatch.setattr(token_exchange, "_write_cache", revoke_then_write)
    with freeze(now() + timedelta(seconds=250)):
        customer.exchange(token)
    monkeypatch.undo()
    assert customer.exchange(token).status_code == 401


@pytest.mark.real_servers
def test_a_cache_entry_of_another_version_of_the_service_is_replaced(customer: AuthApi, token: str) -> None:
    key = cache.make_key(opaque.hash_token(token))
    redis_client().set(key, json.dumps({"kind": "customer", "more": 1}))
    assert customer.exchange(token).status_code == 200
    assert "jwt" in str(redis_client().get(key))


def test_a_jwt_does_not_outlive_its_session(customer: AuthApi, token: str) -> None:
    with db.unit_of_work() as session:
        session.execute(update(Session).values(expires_at=now() + timedelta(seconds=30)))
    claims = customer.claims_of(customer.exchange(token))
    assert 0 < claims["exp"] - claims["iat"] <= 30
    with freeze(now() + timedelta(seconds=31)):
        assert customer.exchange(token).status_code == 401


def test_the_last_use_is_stored_but_not_on_every_request(customer: AuthApi, token: str) -> None:
    def last_seen() -> Any:
        with db.unit_of_work(reads_only=True) as session:
            return session.scalars(select(Session.last_seen_at)).one()

    began = last_seen()
    customer.exchange(token)
    assert last_seen() == began
    later = now() + timedelta(minutes=29)
    with freeze(later):
        customer.exchange(token)
    assert last_seen() == later
    redis_client().flushdb()
    with freeze(later + timedelta(minutes=29)):
        assert customer.exchange(token).status_code == 200, "it was not idle for twelve hours"


@pytest.mark.real_servers
def test_an_exchange_does_not_wait_for_a_write_transaction(customer: AuthApi, token: str) -> None:
    with db.unit_of_work() as session:
        session.execute(update(User).values(state="active"))  # on SQLite the one lock for writing
        assert customer.exchange(token).status_code == 200
        assert customer.exchange("rco_unknown").status_code == 401
