"""Accounts: registration and the confirmation of the address."""

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
from tests.integration.auth.people import EMAIL, PASSWORD, People, slug


def number_of_users() -> int:
    with db.unit_of_work(reads_only=True) as session:
        return session.scalar(select(func.count()).select_from(User)) or 0


def test_a_registration_is_announced_and_asks_for_the_address_to_be_confirmed(people: People) -> None:
    assert people.register().json() == {"status": "verification_sent"}
    [event] = people.auth.published("auth.user.registered.v1")
    assert (event["full_name"], event["consents"][0]["purpose"]) == ("Inês", "terms")
    assert "email" not in json.dumps(event)
    assert slug(people.log_in()) == "email-not-verified"


def test_a_link_works_once_and_not_after_its_time(people: People) -> None:
    people.register()
    token = people.link_token()
    with freeze(now() + timedelta(hours=25)):
        assert slug(people.confirm(token)) == "link-not-valid"
    assert people.confirm(token).status_code == 204
    assert people.confirm(token).status_code == 410
    assert people.confirm("x" * 30).status_code == 410


def test_a_token_for_something_else_confirms_no_address(people: People) -> None:
    people.register()
    with db.unit_of_work() as session:
        session.execute(update(OneTimeToken).values(purpose="reset-password"))
    assert people.confirm(people.link_token()).status_code == 410


def test_a_confirmed_address_gets_the_same_answer_and_another_mail(verified: People) -> None:
    again = verified.register(email=EMAIL.upper(), password="another-long-one")
    assert (again.status_code, again.json()) == (202, {"status": "verification_sent"})
    assert "already" in verified.mails()[-1].subject
    assert number_of_users() == 1
    assert verified.log_in().status_code == 201, "the password is still the old one"


def test_an_address_that_is_not_confirmed_gets_a_new_link(people: People) -> None:
    people.register()
    with freeze(now() + timedelta(hours=25)):
        assert people.register().status_code == 202
        assert people.confirm(people.link_token(0)).status_code == 410
        assert people.confirm(people.link_token()).status_code == 204
        assert people.log_in().status_code == 201
    assert number_of_users() == 1
    assert len(people.auth.published("auth.user.registered.v1")) == 1


def test_whoever_began_with_somebody_elses_address_gains_nothing(people: People) -> None:
    people.register(password="the-thief-knows-this")
    people.register(password=PASSWORD)
    assert people.confirm(people.link_token()).status_code == 204
    assert people.log_in(password="the-thief-knows-this").status_code == 401
    assert people.log_in().status_code == 201
    assert people.confirm(people.link_token(0)).status_code == 410, "the thief's link ended with it"
    assert people.log_in().status_code == 201


def test_nobody_can_fill_a_mailbox(people: People) -> None:
    for _ in range(8):
        assert people.register().status_code == 202
    assert len(people.mails()) == outgoing_messages.MAX_PER_HOUR
    with freeze(now() + timedelta(minutes=61)):
        people.register()
        assert len(people.mails()) == outgoing_messages.MAX_PER_HOUR + 1


@pytest.mark.real_servers
def test_two_registrations_at_the_same_moment_make_one_account(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.register()
    answers: list[Callable[[str], User | None]] = [lambda _: None, users.find_by_email]
    monkeypatch.setattr(users, "find_by_email", lambda email: answers.pop(0)(email))
    assert people.register().status_code == 202
    assert number_of_users() == 1
    assert len(people.mails()) == 2


@pytest.mark.real_servers
def test_an_address_that_only_looks_like_another_is_another(verified: People) -> None:
    for lookalike in ("Inés@Example.org", "\u0131nes@example.org", "ines\u00ad@example.org"):
        with db.unit_of_work():
            assert users.find_by_email(lookalike) is None
        assert verified.log_in(lookalike).status_code == 401


@pytest.mark.parametrize("password", ["QwertyUiop", "Ines@example.org"])
def test_a_weak_password_is_refused(people: People, password: str) -> None:
    answer = people.register(password=password)
    assert (answer.status_code, slug(answer)) == (422, "weak-password")
    assert answer.json()["errors"][0]["pointer"] == "/password"
    assert password not in answer.text


def test_a_short_password_does_not_match_the_contract(people: People) -> None:
    answer = people.register(password="fjZ7$kq2!")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/password")


def test_an_account_needs_the_terms(people: People) -> None:
    answer = people.register(consents=[{"purpose": "marketing"}])
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/consents")


def test_registration_can_be_closed(people: People) -> None:
    publish_settings({"auth.registration_open": False})
    assert slug(people.register()) == "registration-closed"
    assert number_of_users() == 0


def test_the_demo_accounts_are_loaded_once(people: People) -> None:
    demo.load()
    demo.load()
    assert number_of_users() == 6
    assert len(people.auth.published("auth.user.registered.v1")) == 3
    assert set(people.ids()) >= {demo.user_id("buyer@reclothes.example")}
    assert people.log_in("buyer@reclothes.example", demo.PASSWORD).status_code == 201
