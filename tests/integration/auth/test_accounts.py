"""Registration and email verification (stories c-01, c-04)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from libs.chassis import db
from libs.chassis.clock import freeze, now
from libs.chassis.system_settings import publish_settings
from services.auth import demo
from services.auth.accounts import users
from services.auth.accounts.tables import OneTimeToken, User
from services.auth.notifications import outgoing_messages
from tests.integration.auth.auth_api import EMAIL, PASSWORD, AuthApi, slug


def number_of_users() -> int:
    with db.unit_of_work(reads_only=True) as session:
        return session.scalar(select(func.count()).select_from(User)) or 0


def test_a_registration_publishes_an_event_and_requires_email_verification(api: AuthApi) -> None:
    assert api.register().json() == {"status": "verification_sent"}
    [event] = api.auth.published("auth.user.registered.v1")
    assert (event["full_name"], event["consents"][0]["purpose"]) == ("Inês", "terms")
    assert "email" not in json.dumps(event)
    assert slug(api.log_in()) == "email-not-verified"


def test_a_verification_link_works_once_and_expires(api: AuthApi) -> None:
    api.register()
    token = api.link_token()
    with freeze(now() + timedelta(hours=25)):
        assert slug(api.verify_email(token)) == "link-not-valid"
    assert api.verify_email(token).status_code == 204
    assert api.verify_email(token).status_code == 410
    assert api.verify_email("x" * 30).status_code == 410


def test_a_token_for_another_purpose_verifies_no_address(api: AuthApi) -> None:
    api.register()
    with db.unit_of_work() as session:
        session.execute(update(OneTimeToken).values(purpose="reset-password"))
    assert api.verify_email(api.link_token()).status_code == 410


def test_registering_a_verified_address_has_the_same_response_and_another_mail(customer: AuthApi) -> None:
    again = customer.register(email=EMAIL.upper(), password="another-long-one")
    assert (again.status_code, again.json()) == (202, {"status": "verification_sent"})
    assert "already" in customer.mails()[-1].subject
    assert number_of_users() == 1
    assert customer.log_in().status_code == 201, "the password is still the old one"


def test_registering_an_unverified_address_again_sends_a_new_link(api: AuthApi) -> None:
    api.register()
    with freeze(now() + timedelta(hours=25)):
        assert api.register().status_code == 202
        assert api.verify_email(api.link_token(0)).status_code == 410
        assert api.verify_email(api.link_token()).status_code == 204
        assert api.log_in().status_code == 201
    assert number_of_users() == 1
    assert len(api.auth.published("auth.user.registered.v1")) == 1


def test_registering_somebody_elses_address_gains_nothing(api: AuthApi) -> None:
    api.register(password="attackers-own-choice")
    api.register(password=PASSWORD)
    assert api.verify_email(api.link_token()).status_code == 204
    assert api.log_in(password="attackers-own-choice").status_code == 401
    assert api.log_in().status_code == 201
    assert api.verify_email(api.link_token(0)).status_code == 410, "the other link is void"
    assert api.log_in().status_code == 201


def test_mails_to_one_address_are_limited(api: AuthApi) -> None:
    for _ in range(8):
        assert api.register().status_code == 202
    assert len(api.mails()) == outgoing_messages.MAX_PER_HOUR
    with freeze(now() + timedelta(minutes=61)):
        api.register()
        assert len(api.mails()) == outgoing_messages.MAX_PER_HOUR + 1


@pytest.mark.real_servers
def test_concurrent_registrations_create_one_account(api: AuthApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api.register()
    responses: list[Callable[[str], User | None]] = [lambda _: None, users.find_by_email]
    monkeypatch.setattr(users, "find_by_email", lambda email: responses.pop(0)(email))
    assert api.register().status_code == 202
    assert number_of_users() == 1
    assert len(api.mails()) == 2


@pytest.mark.real_servers
def test_a_lookalike_address_is_a_different_address(customer: AuthApi) -> None:
    for lookalike in ("Inés@Example.org", "\u0131nes@example.org", "ines\u00ad@example.org"):
        with db.unit_of_work():
            assert users.find_by_email(lookalike) is None
        assert customer.log_in(lookalike).status_code == 401


@pytest.mark.parametrize("password", ["QwertyUiop", "Ines@example.org"])
def test_a_weak_password_is_rejected(api: AuthApi, password: str) -> None:
    response = api.register(password=password)
    assert (response.status_code, slug(response)) == (422, "weak-password")
    assert response.json()["errors"][0]["pointer"] == "/password"
    assert password not in response.text


def test_a_short_password_violates_the_contract(api: AuthApi) -> None:
    response = api.register(password="fjZ7$kq2!")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/password")


def test_an_account_requires_consent_to_the_terms(api: AuthApi) -> None:
    response = api.register(consents=[{"purpose": "marketing"}])
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/consents")


def test_registration_can_be_closed(api: AuthApi) -> None:
    publish_settings({"auth.registration_open": False})
    assert slug(api.register()) == "registration-closed"
    assert number_of_users() == 0


def test_loading_the_demo_accounts_is_idempotent(api: AuthApi) -> None:
    demo.load()
    demo.load()
    assert number_of_users() == 6
    assert len(api.auth.published("auth.user.registered.v1")) == 3
    assert set(api.user_ids()) >= {demo.user_id("buyer@reclothes.example")}
    assert api.log_in("buyer@reclothes.example", demo.PASSWORD).status_code == 201
