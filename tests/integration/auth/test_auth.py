"""Auth on both databases with a real cache: accounts, sessions, the exchange, service tokens, mails."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import func, select, update

from libs.chassis import db
from libs.chassis.cache import redis_client
from libs.chassis.clock import freeze, now
from libs.chassis.settings import overridden, settings_as
from services.auth import demo, exchange, notifications, passwords, session_cache, sessions, signing_keys, tokens
from services.auth.models import Notification, OneTimeToken, OutgoingMail, Session, User
from services.auth.settings import AuthSettings
from tests.integration.admin.test_admin import PAID
from tests.support import servers
from tests.support.harness import ISSUER, Harness, running

EMAIL, PASSWORD = "Ines@Example.org", "correct-horse-battery"
GATEWAY = "/exchange/external/customer/v1/profile"


def variables(database_url: str, redis_url: str, folder: Path) -> dict[str, str]:
    keys = folder / "keys"
    signing_keys.make_key(keys)
    clients = folder / "clients.json"
    clients.write_text(json.dumps({"customer": {"secret": "s3cret", "scopes": ["shopping:holds"]}}))
    return {
        "RECLOTHES_DATABASE_URL": database_url,
        "RECLOTHES_REDIS_URL": redis_url,
        "AUTH_SIGNING_KEYS_DIR": str(keys),
        "AUTH_SERVICE_CLIENTS_FILE": str(clients),
        "AUTH_EXTERNAL_BASE_URL": "https://www.test",
        "AUTH_SMTP_URL": "smtp://127.0.0.1:9",
        "AUTH_ARGON2_TIME_COST": "1",
        "AUTH_ARGON2_MEMORY_KIB": "1024",
    }


@pytest.fixture(params=["embedded", "mariadb-redis"])
def auth(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    if request.param == "embedded":
        database_url = f"sqlite:///{tmp_path / 'auth.db'}"
        redis_url = request.getfixturevalue("valkey_server")
    else:
        database_url = servers.make_database(
            request.getfixturevalue("mariadb_server"), f"auth_{uuid.uuid4().hex[:12]}"
        )
        redis_url = request.getfixturevalue("redis_server")
    with running("auth", variables(database_url, redis_url, tmp_path)) as harness:
        redis_client().flushdb()
        yield harness


def post(auth: Harness, path: str, body: dict[str, Any]) -> httpx.Response:
    answer: httpx.Response = auth.client.post(f"/auth/v1/{path}", json=body)
    return answer


def register(auth: Harness, email: str = EMAIL, password: str = PASSWORD, **changes: Any) -> httpx.Response:
    body = {"email": email, "password": password, "full_name": "Inês", "consents": [{"purpose": "terms"}]}
    return post(auth, "registrations", body | changes)


def mails() -> list[OutgoingMail]:
    with db.unit_of_work(reads_only=True) as session:
        return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.created_at)))


def link_token() -> str:
    return mails()[-1].text.partition("#token=")[2].split()[0]


@pytest.fixture
def verified(auth: Harness) -> Harness:
    assert register(auth).status_code == 202
    assert post(auth, "email-verifications", {"token": link_token()}).status_code == 204
    return auth


def log_in(auth: Harness, user_name: str = EMAIL, password: str = PASSWORD, path: str = "logins") -> httpx.Response:
    return post(auth, path, {"user_name": user_name, "password": password})


def swap(auth: Harness, token: str, path: str = GATEWAY, method: str = "GET") -> httpx.Response:
    answer: httpx.Response = auth.client.request(method, path, headers={"Authorization": f"Bearer {token}"})
    return answer


@pytest.fixture
def token(verified: Harness) -> str:
    access_token: str = log_in(verified).json()["access_token"]
    return access_token


def claims_of(auth: Harness, answer: httpx.Response) -> dict[str, Any]:
    keys = KeySet.import_key_set(auth.client.get("/auth/v1/jwks").json())
    return dict(jwt.decode(answer.headers["authorization"].removeprefix("Bearer "), keys).claims)


def log_out(auth: Harness, token: str) -> httpx.Response:
    jwt_header = swap(auth, token).headers["authorization"]
    keys = {key.kid: key for key in signing_keys.signing_keys().every}
    from libs.chassis import security
    from tests.support.harness import KEY

    security.use_keys({str(kid): key for kid, key in keys.items()} | {"test": KEY})
    answer: httpx.Response = auth.client.delete("/auth/v1/session", headers={"Authorization": jwt_header})
    return answer


def test_a_registration_is_announced_and_asks_for_the_address_to_be_confirmed(auth: Harness) -> None:
    assert register(auth).json() == {"status": "verification_sent"}
    [event] = auth.published("auth.user.registered.v1")
    assert (event["full_name"], event["consents"][0]["purpose"]) == ("Inês", "terms")
    assert "email" not in json.dumps(event)
    assert log_in(auth).json()["type"].endswith("/email-not-verified")


def test_a_link_works_once_and_not_after_its_time(auth: Harness) -> None:
    register(auth)
    token = link_token()
    with db.unit_of_work() as session:
        session.execute(update(OneTimeToken).values(expires_at=now() - timedelta(seconds=1)))
    assert post(auth, "email-verifications", {"token": token}).status_code == 410
    with db.unit_of_work() as session:
        session.execute(update(OneTimeToken).values(expires_at=now() + timedelta(hours=1)))
    assert post(auth, "email-verifications", {"token": token}).status_code == 204
    assert post(auth, "email-verifications", {"token": token}).status_code == 410
    assert post(auth, "email-verifications", {"token": "x" * 30}).status_code == 410


def test_a_known_address_gets_the_same_answer_and_another_mail(verified: Harness) -> None:
    again = register(verified, email=EMAIL.upper())
    assert (again.status_code, again.json()) == (202, {"status": "verification_sent"})
    assert "already" in mails()[-1].subject
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


@pytest.mark.parametrize("password", ["password1", "12345678", "Ines@example.org", "qwertyuiop"])
def test_a_weak_password_is_refused(auth: Harness, password: str) -> None:
    answer = register(auth, password=password)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/password")


def test_an_account_needs_the_terms(auth: Harness) -> None:
    answer = register(auth, consents=[{"purpose": "marketing"}])
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/consents")


def test_registration_can_be_closed(auth: Harness) -> None:
    from libs.chassis.system_settings import publish_settings

    publish_settings({"auth.registration_open": False})
    assert register(auth).status_code == 403


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(verified: Harness) -> None:
    wrong, unknown = log_in(verified, password="wrong-password"), log_in(verified, "nobody@example.org")
    assert wrong.status_code == unknown.status_code == 401
    for answer in (wrong, unknown):
        assert answer.json()["type"].endswith("/wrong-credentials")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert wrong.json()["detail"] == unknown.json()["detail"]


def test_an_unknown_user_costs_a_password_hash_too(verified: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    verify = passwords.verify
    monkeypatch.setattr(passwords, "verify", lambda known, given: checked.append(known) or verify(known, given))
    log_in(verified, "nobody@example.org")
    assert [known.startswith("$argon2id$") for known in checked] == [True]


def test_many_wrong_passwords_make_everybody_wait_for_that_account(verified: Harness) -> None:
    answers = [log_in(verified, password="wrong-password").status_code for _ in range(7)]
    assert answers == [401] * 6 + [429]
    waiting = log_in(verified)
    assert (waiting.status_code, int(waiting.headers["Retry-After"]) >= 1) == (429, True)
    assert log_in(verified, "somebody.else@example.org").status_code == 401


def test_a_password_hash_is_renewed_when_the_parameters_change(verified: Harness) -> None:
    def stored() -> str:
        with db.unit_of_work(reads_only=True) as session:
            return session.scalars(select(User.password_hash)).one()

    before = stored()
    with overridden(argon2_time_cost=2):
        assert log_in(verified).status_code == 201
    assert stored() != before
    assert "t=2" in stored()


def test_a_token_is_opaque_and_only_its_hash_is_kept(token: str) -> None:
    assert token.startswith("rco_")
    assert "." not in token
    with db.unit_of_work(reads_only=True) as session:
        kept = session.scalars(select(Session.token_hash)).one()
    assert kept == tokens.hash_of(token) != token


def test_the_exchange_gives_a_jwt_with_the_scopes_of_the_roles(verified: Harness, token: str) -> None:
    answer = swap(verified, token)
    claims = claims_of(verified, answer)
    assert (claims["iss"], claims["aud"], claims["kind"], claims["gateway"]) == (
        ISSUER,
        "reclothes",
        "customer",
        "external",
    )
    assert "shopping:cart" in claims["scope"].split()
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert {"sub", "sid", "roles", "jti"} <= claims.keys()
    assert swap(verified, token).headers["authorization"] == answer.headers["authorization"]


def test_a_jwt_is_renewed_before_it_ends(verified: Harness, token: str) -> None:
    first = swap(verified, token).headers["authorization"]
    with freeze(now() + timedelta(seconds=250)):
        assert swap(verified, token).headers["authorization"] != first


def test_each_kind_of_user_belongs_to_its_gateway(verified: Harness, token: str) -> None:
    assert swap(verified, token, "/exchange/internal/x").status_code == 401
    assert swap(verified, token, "/exchange/elsewhere/x").status_code == 401
    demo.load()
    staff = log_in(verified, "manager@reclothes.example", demo.PASSWORD, "staff-logins").json()["access_token"]
    assert swap(verified, staff, "/exchange/internal/x").status_code == 200
    assert swap(verified, staff).status_code == 401
    assert log_in(verified, "manager@reclothes.example", demo.PASSWORD).status_code == 401
    assert log_in(verified, path="staff-logins").status_code == 401


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer rco_unknown", "Basic rco_x", "Bearer eyJ.e.y"])
def test_the_exchange_refuses_what_is_no_token(auth: Harness, header: str | None) -> None:
    answer = auth.client.get(GATEWAY, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_two_authorization_headers_are_refused(auth: Harness, token: str) -> None:
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert auth.client.get(GATEWAY, headers=httpx.Headers(headers)).status_code == 401


def test_after_log_out_a_token_is_dead_at_once_and_twice_is_no_error(verified: Harness, token: str) -> None:
    assert log_out(verified, token).status_code == 204
    assert swap(verified, token).status_code == 401
    redis_client().flushdb()
    assert swap(verified, token).status_code == 401


def test_an_emptied_cache_logs_nobody_out(verified: Harness, token: str) -> None:
    swap(verified, token)
    redis_client().flushdb()
    assert swap(verified, token).status_code == 200


def test_a_load_under_way_cannot_bring_an_ended_session_back(verified: Harness, token: str) -> None:
    """The exchange has read the database; the session ends; then the exchange writes its copy."""
    import asyncio

    from libs.chassis.cache import _async_client

    found = exchange._load(tokens.hash_of(token), "external")
    session_cache.end(tokens.hash_of(token))
    _async_client.cache_clear()
    asyncio.run(exchange._write_cache(tokens.hash_of(token), found, None))
    asyncio.run(_close_async())
    assert swap(verified, token).status_code == 401


async def _close_async() -> None:
    from libs.chassis.cache import _async_client

    _async_client.cache_clear()


def test_while_the_cache_is_away_tokens_work_and_a_log_out_asks_to_be_repeated(
    verified: Harness, token: str
) -> None:
    from libs.chassis.settings import settings

    working = settings().redis_url
    with overridden(redis_url="redis://127.0.0.1:9/0"):
        assert swap(verified, token).status_code == 200
        answer = log_out(verified, token)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "log-out-not-complete")
        assert swap(verified, token).status_code == 401
    assert settings().redis_url == working


def test_a_session_ends_when_it_is_idle_too_long_or_too_old(verified: Harness, token: str) -> None:
    for column in (Session.last_seen_at, Session.expires_at):
        redis_client().flushdb()
        assert swap(verified, token).status_code == 200
        redis_client().flushdb()
        with db.unit_of_work() as session:
            before = session.scalars(select(column)).one()
            session.execute(update(Session).values({column: now() - timedelta(days=1)}))
        assert swap(verified, token).status_code == 401
        with db.unit_of_work() as session:
            session.execute(update(Session).values({column: before}))


def test_a_forbidden_user_is_refused(verified: Harness, token: str) -> None:
    with db.unit_of_work() as session:
        session.execute(update(User).values(state="forbidden"))
    assert swap(verified, token).status_code == 401
    assert log_in(verified).json()["type"].endswith("/account-forbidden")


def test_a_new_signing_key_signs_and_the_old_one_still_verifies(verified: Harness, token: str) -> None:
    old = swap(verified, token)
    signing_keys.make_key(settings_as(AuthSettings).signing_keys_dir)
    redis_client().flushdb()
    new = swap(verified, token)
    assert old.headers["authorization"] != new.headers["authorization"]
    for answer in (old, new):
        assert claims_of(verified, answer)["kind"] == "customer"
    for key in verified.client.get("/auth/v1/jwks").json()["keys"]:
        assert "d" not in key, "no private part is published"


def test_a_service_gets_a_token_with_its_scopes_only(auth: Harness) -> None:
    form = {"grant_type": "client_credentials", "scope": "shopping:holds admin:audit:read"}
    answer = auth.client.post("/auth/v1/token", data=form, auth=("customer", "s3cret"))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["scope"], answer.json()["token_type"]) == ("shopping:holds", "Bearer")
    keys = KeySet.import_key_set(auth.client.get("/auth/v1/jwks").json())
    assert jwt.decode(answer.json()["access_token"], keys).claims["kind"] == "service"


@pytest.mark.parametrize("credentials", [("customer", "wrong"), ("nobody", "s3cret")])
def test_a_service_with_wrong_credentials_gets_no_token(auth: Harness, credentials: tuple[str, str]) -> None:
    answer = auth.client.post("/auth/v1/token", data={"grant_type": "client_credentials"}, auth=credentials)
    assert answer.status_code == 401
    assert "access_token" not in answer.text


def test_a_paid_order_makes_one_receipt_in_the_account_and_as_mail(verified: Harness) -> None:
    with db.unit_of_work(reads_only=True) as session:
        buyer_id = session.scalars(select(User.id)).one()
    for _ in range(2):
        verified.deliver("customer.buying_order.paid.v1", PAID | {"buyer_id": buyer_id}, "evt_" + "7" * 32)
    verified.deliver("customer.buying_order.paid.v1", PAID | {"buyer_id": buyer_id})
    receipts = [mail for mail in mails() if "receipt" in mail.subject]
    assert len(receipts) == 1
    assert all(
        part in receipts[0].text for part in (PAID["order_id"], "49.00 EUR", "Rossio", "https://www.test/orders/")
    )


def test_an_account_lists_its_own_notifications_and_marks_them_read(verified: Harness) -> None:
    with db.unit_of_work(reads_only=True) as session:
        buyer_id = session.scalars(select(User.id)).one()
    gone = {"order_id": PAID["order_id"], "buyer_id": buyer_id}
    verified.deliver("customer.buying_order.expired.v1", gone)
    verified.deliver("billing.payment.voided.v1", gone | {"payment_id": PAID["payment_id"], "reason": "expired"})
    verified.deliver("customer.buying_order.expired.v1", gone | {"buyer_id": "usr_" + "9" * 32})
    own = verified.as_user("ines", "auth:notifications", sub=buyer_id)
    stranger = verified.as_user("rui", "auth:notifications")
    listed = own("GET", "/auth/v1/notifications").json()["items"]
    assert {item["template"] for item in listed} == {"order-expired", "payment-voided"}
    path = f"/auth/v1/notifications/{listed[0]['id']}/read"
    assert stranger("GET", "/auth/v1/notifications").json()["items"] == []
    assert stranger("POST", path).status_code == 404
    assert own("POST", path).status_code == own("POST", path).status_code == 204
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalar(select(func.count()).where(Notification.read_at.is_not(None))) == 1


def test_a_mail_is_given_to_sns_and_delivered_once_and_its_text_is_emptied(
    auth: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(auth)
    given: list[dict[str, Any]] = []
    delivered: list[tuple[str, ...]] = []

    def notify(channel: str, recipient: str, subject: str, text: str, dedupe_id: str) -> None:
        given.append({"recipient": recipient, "subject": subject, "text": text, "dedupe_id": dedupe_id})

    monkeypatch.setattr(notifications.messaging, "notify", notify)
    monkeypatch.setattr(notifications, "deliver", lambda *mail: delivered.append(mail))
    for _ in range(2):
        with db.unit_of_work():
            notifications.give_mails_to_sns()
    for _ in range(2):
        with db.unit_of_work():
            notifications.deliver_mail(given[0])
    assert len(given) == len(delivered) == 1
    assert delivered[0][0] == EMAIL.lower()
    assert mails()[0].text == ""


def test_a_session_tells_who_it_belongs_to(verified: Harness, token: str) -> None:
    claims = claims_of(verified, swap(verified, token))
    ask = verified.as_user("x", "auth:session", sub=claims["sub"], sid=claims["sid"])
    answer = ask("GET", "/auth/v1/session").json()
    assert (answer["session_id"], answer["user"]["id"]) == (claims["sid"], claims["sub"])
    with db.unit_of_work():
        sessions.log_out(claims["sid"])
    assert ask("GET", "/auth/v1/session").status_code == 404
    with db.unit_of_work():
        sessions.log_out("ses_" + "0" * 32)


def test_the_demo_accounts_are_loaded_once(auth: Harness) -> None:
    demo.load()
    demo.load()
    with db.unit_of_work(reads_only=True) as session:
        assert session.scalar(select(func.count()).select_from(User)) == 6
    assert len(auth.published("auth.user.registered.v1")) == 3
