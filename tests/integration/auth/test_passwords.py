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
from tests.integration.auth.auth_api import EMAIL, PASSWORD, AuthApi, slug

NEW = "sunny-teapot-marathon"


def test_a_changed_password_ends_all_other_sessions(customer: AuthApi, token: str) -> None:
    other = customer.log_in().json()["access_token"]
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert customer.request(token, "PUT", "password", json=body).status_code == 204
    assert customer.exchange(token).status_code == 200
    assert customer.exchange(other).status_code == 401
    assert customer.log_in().status_code == 401
    assert customer.log_in(password=NEW).status_code == 201
    assert "was changed" in customer.mails()[-1].text


def test_a_change_requires_the_current_password(customer: AuthApi, token: str) -> None:
    body = {"current_password": "not-the-password", "new_password": NEW}
    responses = [customer.request(token, "PUT", "password", json=body) for _ in range(7)]
    assert [response.status_code for response in responses] == [403] * 6 + [429], (
        "guessing is as slow as at the log-in"
    )
    assert slug(responses[0]) == "wrong-password"


@pytest.mark.real_servers
def test_a_change_fails_when_staff_have_reset_the_password_concurrently(
    customer: AuthApi, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attacker with a session and the password must not undo a reset by staff."""
    hash_password = hashing.hash_password

    def reset_concurrently(password: str) -> str:
        with db.unit_of_work():
            changes.reset_by_staff(users.get(customer.user_ids()[0], "customer", for_update=True))
        return hash_password(password)

    monkeypatch.setattr(hashing, "hash_password", reset_concurrently)
    body = {"current_password": PASSWORD, "new_password": NEW}
    response = customer.request(token, "PUT", "password", json=body)
    assert (response.status_code, slug(response)) == (403, "wrong-password")
    assert customer.log_in(password=NEW).status_code == 401
    assert customer.exchange(token).status_code == 401


def test_a_weak_new_password_is_rejected_with_the_reason(customer: AuthApi, token: str) -> None:
    body = {"current_password": PASSWORD, "new_password": "password123"}
    response = customer.request(token, "PUT", "password", json=body)
    assert (response.status_code, slug(response)) == (422, "weak-password")
    assert response.json()["errors"][0]["pointer"] == "/new_password"
    assert customer.log_in().status_code == 201


@pytest.mark.real_servers
def test_a_forgotten_password_is_set_by_a_link_that_works_once(customer: AuthApi, token: str) -> None:
    assert customer.request_reset_link(EMAIL).status_code == 202
    link = customer.link_token()
    assert customer.exchange(token).status_code == 200, "a request alone changes nothing"
    assert customer.post("passwords", {"token": link, "password": NEW}).status_code == 204
    assert customer.exchange(token).status_code == 401
    assert customer.log_in(password=NEW).status_code == 201
    assert slug(customer.post("passwords", {"token": link, "password": NEW})) == "link-not-valid"


def test_a_rejected_password_does_not_use_the_link(customer: AuthApi) -> None:
    customer.request_reset_link(EMAIL)
    link = customer.link_token()
    assert slug(customer.post("passwords", {"token": link, "password": EMAIL})) == "weak-password"
    assert customer.post("passwords", {"token": link, "password": NEW}).status_code == 204


def test_a_new_link_voids_the_previous_one_and_links_expire_after_an_hour(customer: AuthApi) -> None:
    customer.request_reset_link(EMAIL)
    older = customer.link_token()
    customer.request_reset_link(EMAIL)
    newer = customer.link_token()
    assert customer.post("passwords", {"token": older, "password": NEW}).status_code == 410
    with freeze(now() + timedelta(hours=1, seconds=1)):
        assert customer.post("passwords", {"token": newer, "password": NEW}).status_code == 410


def test_the_response_does_not_reveal_whether_an_address_has_an_account(customer: AuthApi) -> None:
    existing = customer.request_reset_link(EMAIL)
    before = len(customer.mails())
    unknown = customer.request_reset_link("nobody@example.org")
    assert (
        (existing.status_code, existing.json())
        == (unknown.status_code, unknown.json())
        == (202, {"status": "mail_sent"})
    )
    assert len(customer.mails()) == before


def test_mails_with_reset_links_to_one_address_are_limited(customer: AuthApi) -> None:
    for _ in range(outgoing_messages.MAX_PER_HOUR + 3):
        assert customer.request_reset_link(EMAIL).status_code == 202
    assert len(customer.mails()) == outgoing_messages.MAX_PER_HOUR


def test_staff_get_no_reset_link_through_the_external_gateway(api: AuthApi) -> None:
    demo.load()
    api.request_reset_link("manager@reclothes.example")
    assert api.mails() == []


def test_an_employee_resets_the_password_of_a_customer(customer: AuthApi, token: str) -> None:
    demo.load()
    employee, user_id = customer.staff_token("employee"), customer.claims_of(customer.exchange(token))["sub"]
    response = customer.request(employee, "POST", f"customers/{user_id}/password-resets", "internal")
    assert (response.status_code, response.json()) == (202, {"status": "mail_sent"})
    assert customer.exchange(token).status_code == 401
    assert customer.log_in().status_code == 401, "the old password is void"
    mail = customer.mails()[-1]
    assert mail.recipient == EMAIL.lower()
    assert customer.post("passwords", {"token": customer.link_token(), "password": NEW}).status_code == 204
    assert customer.log_in(password=NEW).status_code == 201
    actions = [entry["action"] for entry in customer.auth.published("auth.audit.recorded.v1")]
    assert "reset_customer_password" in actions
    assert "set_password_by_link" in actions


def test_links_of_customers_and_staff_are_not_interchangeable(customer: AuthApi) -> None:
    demo.load()
    customer.request_reset_link(EMAIL)
    assert customer.post("staff-passwords", {"token": customer.link_token(), "password": NEW}).status_code == 410
    manager = customer.staff_token()
    employee = demo.user_id("employee@reclothes.example")
    customer.request(manager, "POST", f"staff/{employee}/password-resets", "internal")
    link = customer.link_token()
    assert customer.post("passwords", {"token": link, "password": NEW}).status_code == 410
    assert customer.post("staff-passwords", {"token": link, "password": NEW}).status_code == 204
    assert customer.log_in_staff("employee", NEW).status_code == 201
