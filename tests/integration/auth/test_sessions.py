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
from tests.integration.auth.people import EMAIL, People, slug


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(verified: People) -> None:
    wrong, unknown = verified.log_in(password="wrong-password"), verified.log_in("nobody@example.org")
    for answer in (wrong, unknown):
        assert (answer.status_code, slug(answer)) == (401, "wrong-credentials")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert wrong.json().keys() == unknown.json().keys()
    assert wrong.json()["detail"] == unknown.json()["detail"]


def test_an_unknown_user_costs_one_password_hash_too(verified: People, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    verify = hashing.verify

    def noted(known: str, given: str) -> bool:
        checked.append(known)
        return verify(known, given)

    monkeypatch.setattr(hashing, "verify", noted)
    verified.log_in("nobody@example.org")
    verified.log_in(password="wrong-password")
    decoy, real = (known.rpartition("$")[0].rpartition("$")[0] for known in checked)
    assert decoy == real == "$argon2id$v=19$m=1024,t=1,p=1"
    assert len({len(known) for known in checked}) == 1


def test_many_wrong_passwords_make_everybody_wait_for_that_account(verified: People) -> None:
    moment = now()
    with freeze(moment):
        answers = [verified.log_in(password="wrong-password").status_code for _ in range(7)]
        assert answers == [401] * 6 + [429]
        waiting = verified.log_in()
        assert (slug(waiting), waiting.headers["Retry-After"]) == ("too-many-failures", "3")
        assert verified.log_in("somebody.else@example.org").status_code == 401
    with freeze(moment + timedelta(seconds=3)):
        assert verified.log_in().status_code == 201
        assert verified.log_in(password="wrong-password").status_code == 401, "the count is over"


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.org"], ids=["known", "unknown"])
def test_the_lock_of_an_account_is_in_the_audit_trail_once(verified: People, email: str) -> None:
    with freeze(now()):
        for _ in range(9):
            verified.log_in(email, "wrong-password")
    refused = [one for one in verified.auth.published("auth.audit.recorded.v1") if one["action"] == "log_in"]
    wrong = {"refused": "wrong-credentials"}
    assert [one["after"] for one in refused] == [wrong] * 5 + [wrong | {"locked_seconds": {"account": 2}}]
    assert {one["actor_id"] for one in refused} == {verified.ids()[0] if email == EMAIL else "unknown"}


@pytest.mark.parametrize(
    ("addresses", "is_one"),
    [
        (["2001:db8:1:2::{n:x}", "2001:db8:1:2:{n:x}::7"], True),
        (["203.0.113.{n}", "::ffff:198.51.100.{n}"], False),
    ],
)
def test_who_has_many_addresses_in_one_network_waits_all_the_same(
    people: People, monkeypatch: pytest.MonkeyPatch, addresses: list[str], is_one: bool
) -> None:
    """Whoever is given one IPv6 network has 2^64 addresses to try passwords from."""
    monkeypatch.setattr(login_throttle, "FREE_FAILURES_PER_ADDRESS", 4)
    statuses = []
    with freeze(now()):
        for number in range(6):
            address = addresses[number % 2].format(n=number + 1)
            body = {"user_name": f"nobody{number}@example.org", "password": "wrong-password"}
            headers = {"X-Forwarded-For": address}
            answer = people.auth.client.post("/auth/v1/logins", json=body, headers=headers)
            statuses.append(answer.status_code)
    assert statuses == ([401] * 5 + [429] if is_one else [401] * 6)
    refused = people.auth.published("auth.audit.recorded.v1")
    assert ("locked_seconds" in refused[-1]["after"]) == is_one


@pytest.mark.real_servers
def test_a_password_that_is_voided_while_it_is_checked_opens_nothing(
    verified: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staff end all sessions; a log-in with the old password that is under way must not come after that."""
    verify = hashing.verify

    def staff_are_faster(known: str, given: str) -> bool:
        with db.unit_of_work():
            changes.reset_by_staff(users.get(verified.ids()[0], "customer", for_update=True))
        return verify(known, given)

    monkeypatch.setattr(hashing, "verify", staff_are_faster)
    answer = verified.log_in()
    assert (answer.status_code, slug(answer)) == (401, "wrong-credentials")
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(Session)).all() == []
    last = verified.auth.published("auth.audit.recorded.v1")[-1]
    assert (last["action"], last["after"]) == ("log_in", {"refused": "changed-meanwhile"})


@pytest.mark.real_servers
def test_an_account_that_is_closed_while_its_password_is_hashed_anew_stays_closed(
    verified: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_password = hashing.hash_password

    def staff_are_faster(password: str) -> str:
        with db.unit_of_work() as session:
            session.execute(update(User).values(state="suspended"))
        return hash_password(password)

    monkeypatch.setattr(hashing, "hash_password", staff_are_faster)
    with overridden(argon2_time_cost=2):
        assert verified.log_in().status_code == 401
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(Session)).all() == []


@pytest.mark.real_servers
def test_two_log_ins_that_renew_the_hash_at_the_same_moment_both_succeed(
    verified: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_password, both_verified = hashing.hash_password, threading.Barrier(2)

    def hash_after_both(password: str) -> str:
        both_verified.wait(10)
        return hash_password(password)

    monkeypatch.setattr(hashing, "hash_password", hash_after_both)
    with overridden(argon2_time_cost=2), ThreadPoolExecutor(2) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: verified.log_in(), range(2))]
    monkeypatch.undo()
    assert statuses == [201, 201]
    assert verified.log_in().status_code == 201


@pytest.mark.real_servers
def test_a_password_that_is_replaced_while_it_is_checked_opens_nothing(
    verified: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify, replaced = hashing.verify, []

    def replaced_meanwhile(known: str, given: str) -> bool:
        if not replaced:
            replaced.append(hashing.hash_password("sunny-teapot-marathon"))
            with db.unit_of_work() as session:
                session.execute(update(User).values(password_hash=replaced[0]))
        return verify(known, given)

    monkeypatch.setattr(hashing, "verify", replaced_meanwhile)
    assert verified.log_in().status_code == 401


@pytest.mark.real_servers
def test_many_tries_at_the_same_moment_gain_nothing(verified: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are looked at only after the tries before them are counted."""
    checked: list[str] = []
    all_are_here = threading.Event()
    verify = hashing.verify

    def slow(known: str, given: str) -> bool:
        checked.append(given)
        if len(checked) == 6:
            all_are_here.set()
        all_are_here.wait(10)
        return verify(known, given)

    monkeypatch.setattr(hashing, "verify", slow)
    with freeze(now()), ThreadPoolExecutor(12) as pool:
        tries = [pool.submit(verified.log_in, EMAIL, f"wrong-password-{number}") for number in range(12)]
        statuses = sorted(one.result().status_code for one in tries)
    assert len(checked) == statuses.count(401) == 6
    assert statuses.count(429) == 6


def test_nobody_outside_can_make_staff_wait(people: People) -> None:
    demo.load()
    for _ in range(8):
        people.log_in("manager@reclothes.example", "wrong-password")
    assert people.log_in_staff().status_code == 201


def test_too_many_at_once_are_told_to_come_back(verified: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MAX_WAIT_SECONDS", 0.05)
    taken = [hashing.slots().acquire() for _ in range(4)]
    try:
        answer = verified.log_in()
    finally:
        for _ in taken:
            hashing.slots().release()
    assert (answer.status_code, slug(answer)) == (503, "too-many-logins")
    assert verified.log_in().status_code == 201


def test_a_password_hash_is_renewed_when_the_parameters_change(verified: People) -> None:
    def stored() -> str:
        with db.unit_of_work(reads_only=True) as session:
            return session.scalars(select(User.password_hash)).one()

    before = stored()
    assert verified.log_in().status_code == 201
    assert stored() == before
    with overridden(argon2_time_cost=2):
        assert verified.log_in().status_code == 201
    assert "t=2" in stored()
    assert verified.log_in().status_code == 201


def test_only_the_hash_of_an_access_token_is_kept(token: str) -> None:
    with db.unit_of_work(reads_only=True) as session:
        kept = session.scalars(select(Session.token_hash)).one()
    assert kept == opaque.hash_token(token) != token


def test_each_log_in_has_its_own_token_and_log_out_ends_one(verified: People, token: str) -> None:
    other = verified.log_in().json()["access_token"]
    assert verified.log_out(token).status_code == 204
    assert verified.swap(token).status_code == 401
    assert verified.swap(other).status_code == 200


def test_after_log_out_a_token_is_dead_at_once_and_for_good(verified: People, token: str) -> None:
    assert verified.log_out(token).status_code == 204
    assert verified.swap(token).status_code == 401
    redis_client().flushdb()
    assert verified.swap(token).status_code == 401


def test_a_repeated_log_out_is_no_error(verified: People, token: str) -> None:
    session_id = verified.claims_of(verified.swap(token))["sid"]
    for known in (session_id, session_id, "ses_" + "0" * 32):
        with db.unit_of_work():
            revocation.log_out(known)
    assert verified.swap(token).status_code == 401


@pytest.mark.real_servers
def test_a_log_out_while_the_cache_is_away_is_told_to_it_later(verified: People, token: str) -> None:
    """A copy in the cache may still be there when it comes back; a job ends it within a second."""
    verified.swap(token)
    with overridden(redis_url="redis://127.0.0.1:9/0"):
        assert verified.log_out(token).status_code == 204
        assert verified.swap(token).status_code == 401, "the database knows already"
        with db.unit_of_work():
            jobs.update_session_cache()
    assert redis_client().get(cache.key_of(opaque.hash_token(token))) != cache.TOMBSTONE
    with db.unit_of_work():
        jobs.update_session_cache()
    assert verified.swap(token).status_code == 401
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalars(select(SessionCacheUpdate)).all() == [], "told, and forgotten"


def test_a_session_tells_who_it_belongs_to_until_it_ends(verified: People, token: str) -> None:
    claims = verified.claims_of(verified.swap(token))
    ask = verified.auth.as_user("x", "auth:session", sub=claims["sub"], sid=claims["sid"])
    answer = ask("GET", "/auth/v1/session").json()
    assert (answer["session_id"], answer["user"]) == (
        claims["sid"],
        {"id": claims["sub"], "kind": "customer", "roles": ["customer"]},
    )
    with db.unit_of_work():
        revocation.log_out(claims["sid"])
    assert ask("GET", "/auth/v1/session").status_code == 404


def test_who_comes_and_goes_and_who_is_refused_is_in_the_audit_trail(people: People) -> None:
    demo.load()
    answer = people.log_in_staff()
    assert (answer.status_code, answer.json()["user"]["roles"]) == (201, ["manager"])
    people.log_in("buyer@reclothes.example", "wrong-password")
    people.log_in("nobody@example.org", "wrong-password")
    manager, buyer, nobody = people.auth.published("auth.audit.recorded.v1")
    assert (manager["action"], manager["actor_roles"], manager["after"]) == ("log_in", ["manager"], None)
    assert manager["actor_id"] == demo.user_id("manager@reclothes.example")
    assert (buyer["actor_id"], buyer["after"]) == (
        demo.user_id("buyer@reclothes.example"),
        {"refused": "wrong-credentials"},
    )
    assert (nobody["actor_id"], nobody["after"]) == ("unknown", {"refused": "wrong-credentials"})
    assert all(manager["source_ip"] == one["source_ip"] for one in (buyer, nobody))
    told = str([manager, buyer, nobody])
    assert not [word for word in (answer.json()["access_token"], "wrong-password", "example.org") if word in told]


def test_a_forbidden_user_cannot_log_in(verified: People, token: str) -> None:
    with db.unit_of_work() as session:
        session.execute(update(User).values(state="suspended"))
    assert verified.swap(token).status_code == 401
    assert slug(verified.log_in()) == "account-suspended"
    assert verified.log_in(password="wrong-password").status_code == 401, "told only to who knows the password"
