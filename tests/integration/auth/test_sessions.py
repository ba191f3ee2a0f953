"""Log-in and log-out (stories c-02, c-03, c-05 to c-12)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from libs.chassis import db
from libs.chassis.cache import redis_client
from libs.chassis.clock import freeze, now
from libs.chassis.settings import overridden
from services.auth import demo
from services.auth.accounts import users
from services.auth.accounts.tables import User
from services.auth.passwords import changes, hashing
from services.auth.sessions import cache, jobs, login_throttle, revocation
from services.auth.sessions.tables import Session, SessionCacheUpdate
from services.auth.tokens import opaque
from tests.integration.auth.auth_api import EMAIL, AuthApi, slug


def test_an_unknown_user_and_a_wrong_password_have_the_same_response(customer: AuthApi) -> None:
    wrong, unknown = customer.log_in(password="wrong-password"), customer.log_in("nobody@example.org")
    for response in (wrong, unknown):
        assert (response.status_code, slug(response)) == (401, "wrong-credentials")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert wrong.json().keys() == unknown.json().keys()
    assert wrong.json()["detail"] == unknown.json()["detail"]


def test_an_unknown_user_costs_as_much_hashing_as_a_known_one(
    customer: AuthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    verify = hashing.verify

    def record(password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return verify(password_hash, password)

    monkeypatch.setattr(hashing, "verify", record)
    customer.log_in("nobody@example.org")
    customer.log_in(password="wrong-password")
    decoy, real = (value.rpartition("$")[0].rpartition("$")[0] for value in checked)
    assert decoy == real == "$argon2id$v=19$m=1024,t=1,p=1"
    assert len({len(value) for value in checked}) == 1


def test_many_failures_lock_the_account_for_everybody(customer: AuthApi) -> None:
    start = now()
    with freeze(start):
        responses = [customer.log_in(password="wrong-password").status_code for _ in range(7)]
        assert responses == [401] * 6 + [429]
        locked = customer.log_in()
        assert (slug(locked), locked.headers["Retry-After"]) == ("too-many-failures", "3")
        assert customer.log_in("somebody.else@example.org").status_code == 401
    with freeze(start + timedelta(seconds=3)):
        assert customer.log_in().status_code == 201
        assert customer.log_in(password="wrong-password").status_code == 401, "the failures have expired"


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.org"], ids=["known", "unknown"])
def test_the_lock_of_an_account_is_audited_once(customer: AuthApi, email: str) -> None:
    with freeze(now()):
        for _ in range(9):
            customer.log_in(email, "wrong-password")
    entries = [entry for entry in customer.auth.published("auth.audit.recorded.v1") if entry["action"] == "log_in"]
    wrong = {"refused": "wrong-credentials"}
    assert [entry["after"] for entry in entries] == [wrong] * 5 + [wrong | {"locked_seconds": {"account": 2}}]
    assert {entry["actor_id"] for entry in entries} == {customer.user_ids()[0] if email == EMAIL else "unknown"}


@pytest.mark.parametrize(
    ("addresses", "is_one_subscriber"),
    [
        (["2001:db8:1:2::{n:x}", "2001:db8:1:2:{n:x}::7"], True),
        (["203.0.113.{n}", "::ffff:198.51.100.{n}"], False),
    ],
)
def test_addresses_of_one_ipv6_network_are_counted_together(
    api: AuthApi, monkeypatch: pytest.MonkeyPatch, addresses: list[str], is_one_subscriber: bool
) -> None:
    """A subscriber with one IPv6 network has 2^64 addresses to guess passwords from."""
    monkeypatch.setattr(login_throttle, "FREE_FAILURES_PER_ADDRESS", 4)
    statuses = []
    with freeze(now()):
        for number in range(6):
            address = addresses[number % 2].format(n=number + 1)
            body = {"user_name": f"nobody{number}@example.org", "password": "wrong-password"}
            headers = {"X-Forwarded-For": address}
            response = api.auth.client.post("/auth/v1/logins", json=body, headers=headers)
            statuses.append(response.status_code)
    assert statuses == ([401] * 5 + [429] if is_one_subscriber else [401] * 6)
    entries = api.auth.published("auth.audit.recorded.v1")
    assert ("locked_seconds" in entries[-1]["after"]) == is_one_subscriber


@pytest.mark.real_servers
def test_log_in_fails_when_the_password_is_reset_during_the_check(
    customer: AuthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A concurrent log-in with the old password must not open a session after a reset by staff."""
    verify = hashing.verify

    def change_concurrently(password_hash: str, password: str) -> bool:
        with db.unit_of_work():
            changes.reset_by_staff(users.get(customer.user_ids()[0], "customer", for_update=True))
        return verify(password_hash, password)

    monkeypatch.setattr(hashing, "verify", change_concurrently)
    response = customer.log_in()
    assert (response.status_code, slug(response)) == (401, "wrong-credentials")
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(Session)).all() == []
    last = customer.auth.published("auth.audit.recorded.v1")[-1]
    assert (last["action"], last["after"]) == ("log_in", {"refused": "changed-concurrently"})


@pytest.mark.real_servers
def test_log_in_fails_when_the_account_is_suspended_during_the_rehash(
    customer: AuthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_password = hashing.hash_password

    def change_concurrently(password: str) -> str:
        with db.unit_of_work() as session:
            session.execute(update(User).values(state="suspended"))
        return hash_password(password)

    monkeypatch.setattr(hashing, "hash_password", change_concurrently)
    with overridden(argon2_time_cost=2):
        assert customer.log_in().status_code == 401
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(Session)).all() == []


@pytest.mark.real_servers
def test_concurrent_log_ins_that_rehash_the_password_both_succeed(
    customer: AuthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_password, both_verified = hashing.hash_password, threading.Barrier(2)

    def hash_after_both(password: str) -> str:
        both_verified.wait(10)
        return hash_password(password)

    monkeypatch.setattr(hashing, "hash_password", hash_after_both)
    with overridden(argon2_time_cost=2), ThreadPoolExecutor(2) as pool:
        statuses = [response.status_code for response in pool.map(lambda _: customer.log_in(), range(2))]
    monkeypatch.undo()
    assert statuses == [201, 201]
    assert customer.log_in().status_code == 201


@pytest.mark.real_servers
def test_log_in_fails_when_the_password_is_replaced_during_the_check(
    customer: AuthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify, replaced = hashing.verify, []

    def replace_concurrently(password_hash: str, password: str) -> bool:
        if not replaced:
            replaced.append(hashing.hash_password("sunny-teapot-marathon"))
            with db.unit_of_work() as session:
                session.execute(update(User).values(password_hash=replaced[0]))
        return verify(password_hash, password)

    monkeypatch.setattr(hashing, "verify", replace_concurrently)
    assert customer.log_in().status_code == 401


@pytest.mark.real_servers
def test_concurrent_attempts_are_counted_before_their_passwords_are_checked(
    customer: AuthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessing concurrently must not bypass the limit."""
    checked: list[str] = []
    all_are_here = threading.Event()
    verify = hashing.verify

    def slow(password_hash: str, password: str) -> bool:
        checked.append(password)
        if len(checked) == 6:
            all_are_here.set()
        all_are_here.wait(10)
        return verify(password_hash, password)

    monkeypatch.setattr(hashing, "verify", slow)
    with freeze(now()), ThreadPoolExecutor(12) as pool:
        attempts = [pool.submit(customer.log_in, EMAIL, f"wrong-password-{number}") for number in range(12)]
        statuses = sorted(attempt.result().status_code for attempt in attempts)
    assert len(checked) == statuses.count(401) == 6
    assert statuses.count(429) == 6


def test_failures_at_the_external_gateway_do_not_lock_staff(api: AuthApi) -> None:
    demo.load()
    for _ in range(8):
        api.log_in("manager@reclothes.example", "wrong-password")
    assert api.log_in_staff().status_code == 201


def test_log_ins_beyond_the_hashing_capacity_are_rejected(
    customer: AuthApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "MAX_WAIT_SECONDS", 0.05)
    slots = [hashing.get_slots().acquire() for _ in range(4)]
    try:
        response = customer.log_in()
    finally:
        for _ in slots:
            hashing.get_slots().release()
    assert (response.status_code, slug(response)) == (503, "too-many-logins")
    assert customer.log_in().status_code == 201


def test_a_password_is_rehashed_when_the_parameters_change(customer: AuthApi) -> None:
    def stored_hash() -> str:
        with db.unit_of_work(reads_only=True) as session:
            return session.scalars(select(User.password_hash)).one()

    before = stored_hash()
    assert customer.log_in().status_code == 201
    assert stored_hash() == before
    with overridden(argon2_time_cost=2):
        assert customer.log_in().status_code == 201
    assert "t=2" in stored_hash()
    assert customer.log_in().status_code == 201


def test_only_the_hash_of_an_access_token_is_stored(token: str) -> None:
    with db.unit_of_work(reads_only=True) as session:
        stored_hash = session.scalars(select(Session.token_hash)).one()
    assert stored_hash == opaque.hash_token(token) != token


def test_log_out_ends_only_its_own_session(customer: AuthApi, token: str) -> None:
    other = customer.log_in().json()["access_token"]
    assert customer.log_out(token).status_code == 204
    assert customer.exchange(token).status_code == 401
    assert customer.exchange(other).status_code == 200


def test_log_out_revokes_the_token_immediately_and_permanently(customer: AuthApi, token: str) -> None:
    assert customer.log_out(token).status_code == 204
    assert customer.exchange(token).status_code == 401
    redis_client().flushdb()
    assert customer.exchange(token).status_code == 401


def test_log_out_is_idempotent(customer: AuthApi, token: str) -> None:
    session_id = customer.claims_of(customer.exchange(token))["sid"]
    for ended_id in (session_id, session_id, "ses_" + "0" * 32):
        with db.unit_of_work():
            revocation.log_out(ended_id)
    assert customer.exchange(token).status_code == 401


@pytest.mark.real_servers
def test_a_log_out_during_a_cache_outage_updates_the_cache_later(customer: AuthApi, token: str) -> None:
    """The cache may still hold the session after the outage; a job removes it within a second."""
    customer.exchange(token)
    with overridden(redis_url="redis://127.0.0.1:9/0"):
        assert customer.log_out(token).status_code == 204
        assert customer.exchange(token).status_code == 401, "the database is up to date"
        with db.unit_of_work():
            jobs.update_session_cache()
    assert redis_client().get(cache.make_key(opaque.hash_token(token))) != cache.TOMBSTONE
    with db.unit_of_work():
        jobs.update_session_cache()
    assert customer.exchange(token).status_code == 401
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(SessionCacheUpdate)).all() == [], "sent, and deleted"


def test_a_session_shows_its_user_until_it_ends(customer: AuthApi, token: str) -> None:
    claims = customer.claims_of(customer.exchange(token))
    send = customer.auth.as_user("x", "auth:session", sub=claims["sub"], sid=claims["sid"])
    response = send("GET", "/auth/v1/session").json()
    assert (response["session_id"], response["user"]) == (
        claims["sid"],
        {"id": claims["sub"], "kind": "customer", "roles": ["customer"]},
    )
    with db.unit_of_work():
        revocation.log_out(claims["sid"])
    assert send("GET", "/auth/v1/session").status_code == 404


def test_log_ins_and_rejections_are_audited(api: AuthApi) -> None:
    demo.load()
    response = api.log_in_staff()
    assert (response.status_code, response.json()["user"]["roles"]) == (201, ["manager"])
    api.log_in("buyer@reclothes.example", "wrong-password")
    api.log_in("nobody@example.org", "wrong-password")
    manager, buyer, nobody = api.auth.published("auth.audit.recorded.v1")
    assert (manager["action"], manager["actor_roles"], manager["after"]) == ("log_in", ["manager"], None)
    assert manager["actor_id"] == demo.user_id("manager@reclothes.example")
    assert (buyer["actor_id"], buyer["after"]) == (
        demo.user_id("buyer@reclothes.example"),
        {"refused": "wrong-credentials"},
    )
    assert (nobody["actor_id"], nobody["after"]) == ("unknown", {"refused": "wrong-credentials"})
    assert all(manager["source_ip"] == entry["source_ip"] for entry in (buyer, nobody))
    text = str([manager, buyer, nobody])
    assert not [word for word in (response.json()["access_token"], "wrong-password", "example.org") if word in text]


def test_a_suspended_user_cannot_log_in(customer: AuthApi, token: str) -> None:
    with db.unit_of_work() as session:
        session.execute(update(User).values(state="suspended"))
    assert customer.exchange(token).status_code == 401
    assert slug(customer.log_in()) == "account-suspended"
    assert customer.log_in(password="wrong-password").status_code == 401, "revealed only with the right password"
