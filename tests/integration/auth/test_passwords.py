"""Changing and resetting passwords (stories mf-eu-03, mf-iu-02)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.chassis import db
from libs.chassis.clock import freeze, now
from services.auth import demo
from services.auth.accounts import users
from services.auth.notifications import outgoing_messages
from services.auth.passwords import changes, hashing
from tests.integration.auth.people import EMAIL, PASSWORD, People, slug

NEW = "sunny-teapot-marathon"


def test_a_changed_password_ends_all_other_sessions(verified: People, token: str) -> None:
    other = verified.log_in().json()["access_token"]
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert verified.ask(token, "PUT", "password", json=body).status_code == 204
    assert verified.swap(token).status_code == 200
    assert verified.swap(other).status_code == 401
    assert verified.log_in().status_code == 401
    assert verified.log_in(password=NEW).status_code == 201
    assert "was changed" in verified.mails()[-1].text


def test_a_change_needs_the_present_password(verified: People, token: str) -> None:
    body = {"current_password": "not-the-password", "new_password": NEW}
    answers = [verified.ask(token, "PUT", "password", json=body) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [403] * 6 + [429], "guessing is as slow as at the log-in"
    assert slug(answers[0]) == "wrong-password"


@pytest.mark.real_servers
def test_a_change_that_staff_overtook_changes_nothing(
    verified: People, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief with a session and the password must not undo that staff voided both."""
    hash_password = hashing.hash_password

    def staff_are_faster(password: str) -> str:
        with db.unit_of_work():
            changes.reset_by_staff(users.get(verified.ids()[0], "customer", for_update=True))
        return hash_password(password)

    monkeypatch.setattr(hashing, "hash_password", staff_are_faster)
    body = {"current_password": PASSWORD, "new_password": NEW}
    answer = verified.ask(token, "PUT", "password", json=body)
    assert (answer.status_code, slug(answer)) == (403, "wrong-password")
    assert verified.log_in(password=NEW).status_code == 401
    assert verified.swap(token).status_code == 401


def test_a_weak_new_password_is_refused_with_the_reason(verified: People, token: str) -> None:
    body = {"current_password": PASSWORD, "new_password": "password123"}
    answer = verified.ask(token, "PUT", "password", json=body)
    assert (answer.status_code, slug(answer)) == (422, "weak-password")
    assert answer.json()["errors"][0]["pointer"] == "/new_password"
    assert verified.log_in().status_code == 201


@pytest.mark.real_servers
def test_a_forgotten_password_is_set_by_a_link_that_works_once(verified: People, token: str) -> None:
    assert verified.ask_for_link(EMAIL).status_code == 202
    link = verified.link_token()
    assert verified.swap(token).status_code == 200, "asking alone changes nothing"
    assert verified.post("passwords", {"token": link, "password": NEW}).status_code == 204
    assert verified.swap(token).status_code == 401
    assert verified.log_in(password=NEW).status_code == 201
    assert slug(verified.post("passwords", {"token": link, "password": NEW})) == "link-not-valid"


def test_a_refused_password_does_not_use_the_link_up(verified: People) -> None:
    verified.ask_for_link(EMAIL)
    link = verified.link_token()
    assert slug(verified.post("passwords", {"token": link, "password": EMAIL})) == "weak-password"
    assert verified.post("passwords", {"token": link, "password": NEW}).status_code == 204


def test_a_new_link_ends_the_older_one_and_all_end_after_an_hour(verified: People) -> None:
    verified.ask_for_link(EMAIL)
    older = verified.link_token()
    verified.ask_for_link(EMAIL)
    newer = verified.link_token()
    assert verified.post("passwords", {"token": older, "password": NEW}).status_code == 410
    with freeze(now() + timedelta(hours=1, seconds=1)):
        assert verified.post("passwords", {"token": newer, "password": NEW}).status_code == 410


def test_nobody_learns_whether_an_address_has_an_account(verified: People) -> None:
    known = verified.ask_for_link(EMAIL)
    before = len(verified.mails())
    unknown = verified.ask_for_link("nobody@example.org")
    assert (
        (known.status_code, known.json()) == (unknown.status_code, unknown.json()) == (202, {"status": "mail_sent"})
    )
    assert len(verified.mails()) == before


def test_nobody_can_fill_a_mailbox_with_links(verified: People) -> None:
    for _ in range(outgoing_messages.MAX_PER_HOUR + 3):
        assert verified.ask_for_link(EMAIL).status_code == 202
    assert len(verified.mails()) == outgoing_messages.MAX_PER_HOUR


def test_staff_get_no_link_at_the_external_gateway(people: People) -> None:
    demo.load()
    people.ask_for_link("manager@reclothes.example")
    assert people.mails() == []


def test_an_employee_lets_a_customer_set_a_new_password(verified: People, token: str) -> None:
    demo.load()
    employee, user_id = verified.staff_token("employee"), verified.claims_of(verified.swap(token))["sub"]
    answer = verified.ask(employee, "POST", f"customers/{user_id}/password-resets", "internal")
    assert (answer.status_code, answer.json()) == (202, {"status": "mail_sent"})
    assert verified.swap(token).status_code == 401
    assert verified.log_in().status_code == 401, "the old password is void"
    mail = verified.mails()[-1]
    assert mail.recipient == EMAIL.lower()
    assert verified.post("passwords", {"token": verified.link_token(), "password": NEW}).status_code == 204
    assert verified.log_in(password=NEW).status_code == 201
    actions = [entry["action"] for entry in verified.auth.published("auth.audit.recorded.v1")]
    assert "reset_customer_password" in actions
    assert "set_password_by_link" in actions


def test_links_of_customers_and_staff_cannot_be_exchanged(verified: People) -> None:
    demo.load()
    verified.ask_for_link(EMAIL)
    assert verified.post("staff-passwords", {"token": verified.link_token(), "password": NEW}).status_code == 410
    manager = verified.staff_token()
    employee = demo.user_id("employee@reclothes.example")
    verified.ask(manager, "POST", f"staff/{employee}/password-resets", "internal")
    link = verified.link_token()
    assert verified.post("passwords", {"token": link, "password": NEW}).status_code == 410
    assert verified.post("staff-passwords", {"token": link, "password": NEW}).status_code == 204
    assert verified.log_in_staff("employee", NEW).status_code == 201
